// The editor of a board.
import "./styles/boards.css";
import "./styles/board_edit.css";
import { openEditor } from "./boards/edit_page";

const box = document.querySelector<HTMLElement>("[data-edit-board]");
if (box !== null) void openEditor(box);
