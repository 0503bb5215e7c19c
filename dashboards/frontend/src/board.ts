// The page of one board.
import "./styles/boards.css";
import { openBoard } from "./boards/board_page";

const box = document.querySelector<HTMLElement>("[data-board]");
if (box !== null) void openBoard(box);
