"""What pages and reports read: plain SQL to frozen values, never a write, never a query per row."""
