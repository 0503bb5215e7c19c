// Explore: any point against any other.
import "./styles/boards.css";
import { openExplore } from "./boards/explore_page";

const box = document.querySelector<HTMLElement>("[data-explore]");
if (box !== null) void openExplore(box);
