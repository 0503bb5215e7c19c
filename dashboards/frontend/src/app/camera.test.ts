import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Camera, NoReader } from "./camera";

vi.mock("./reader", () => {
  throw new TypeError("Failed to fetch dynamically imported module");
});

let stopped: number;
const video = { srcObject: null, play: () => Promise.resolve() } as unknown as HTMLVideoElement;

beforeEach(() => {
  stopped = 0;
  const track = { stop: () => (stopped += 1) };
  vi.stubGlobal("window", {}); // a browser that reads no codes by itself
  vi.stubGlobal("document", { createElement: () => ({}) });
  vi.stubGlobal("navigator", { mediaDevices: { getUserMedia: () => Promise.resolve({ getTracks: () => [track] }) } });
});
afterEach(() => {
  vi.unstubAllGlobals();
});

it("a camera without anything that reads its pictures is switched off, and says why", async () => {
  const camera = new Camera(video, () => undefined);
  await expect(camera.start()).rejects.toBeInstanceOf(NoReader);
  expect([stopped, video.srcObject]).toEqual([1, null]);
});

it("a camera that nobody allows is another matter", async () => {
  vi.stubGlobal("navigator", { mediaDevices: { getUserMedia: () => Promise.reject(new DOMException("", "NotAllowedError")) } });
  const refused: unknown = await new Camera(video, () => undefined).start().catch((problem: unknown) => problem);
  expect(refused).not.toBeInstanceOf(NoReader);
  expect(refused).toMatchObject({ name: "NotAllowedError" });
});
