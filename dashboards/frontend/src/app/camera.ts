// The camera in the page: looks for a code in what it sees until one is found, and lights the torch where there is one.

const EVERY_MS = 160;
/** Larger frames cost a phone's processor and find nothing more. */
const WIDEST_PX = 900;

interface Detector {
  detect(source: CanvasImageSource): Promise<{ rawValue: string }[]>;
}

declare global {
  interface Window {
    BarcodeDetector?: { new (options: { formats: string[] }): Detector; getSupportedFormats(): Promise<string[]> };
  }
}

/** Whether the browser reads QR codes by itself. */
export async function readsByItself(): Promise<boolean> {
  try {
    return ((await window.BarcodeDetector?.getSupportedFormats()) ?? []).includes("qr_code");
  } catch {
    return false;
  }
}

type Read = (frame: HTMLCanvasElement) => Promise<string>;

async function makeReader(): Promise<Read> {
  if (window.BarcodeDetector !== undefined && (await readsByItself())) {
    const detector = new window.BarcodeDetector({ formats: ["qr_code"] });
    return async (frame) => (await detector.detect(frame))[0]?.rawValue ?? "";
  }
  const { readPicture } = await import("./reader");
  return async (frame) => {
    const brush = frame.getContext("2d", { willReadFrequently: true });
    return brush === null ? "" : readPicture(brush.getImageData(0, 0, frame.width, frame.height));
  };
}

/** The camera runs, but what reads codes in its pictures could not be loaded. */
export class NoReader extends Error {}

export class Camera {
  private stream: MediaStream | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private over = false;
  private readonly frame = document.createElement("canvas");

  constructor(
    private readonly video: HTMLVideoElement,
    private readonly found: (text: string) => void,
  ) {}

  /** Rejects when there is no camera, or nobody allows it, and with `NoReader`; the camera is off then. */
  async start(): Promise<void> {
    const wanted = { facingMode: { ideal: "environment" }, width: { ideal: 1280 }, height: { ideal: 720 } };
    const stream = await navigator.mediaDevices.getUserMedia({ video: wanted, audio: false });
    if (this.over) {
      for (const track of stream.getTracks()) track.stop();
      return;
    }
    this.stream = stream;
    this.video.srcObject = stream;
    await this.video.play();
    const read = await makeReader().catch((problem: unknown) => {
      this.stop();
      throw new NoReader(String(problem));
    });
    const look = async (): Promise<void> => {
      if (this.over) return;
      const text = await this.look(read).catch(() => "");
      if (this.isOver()) return;
      if (text !== "") this.found(text);
      this.timer = setTimeout(() => void look(), EVERY_MS);
    };
    void look();
  }

  stop(): void {
    this.over = true;
    clearTimeout(this.timer);
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.video.srcObject = null;
  }

  get hasTorch(): boolean {
    const track = this.stream?.getVideoTracks()[0];
    return track !== undefined && "torch" in (track.getCapabilities?.() ?? {});
  }

  async light(on: boolean): Promise<void> {
    const track = this.stream?.getVideoTracks()[0];
    await track?.applyConstraints({ advanced: [{ torch: on } as MediaTrackConstraintSet] });
  }

  private isOver(): boolean {
    return this.over;
  }

  private async look(read: Read): Promise<string> {
    const { videoWidth, videoHeight } = this.video;
    if (videoWidth === 0) return "";
    const scale = Math.min(1, WIDEST_PX / videoWidth);
    this.frame.width = Math.round(videoWidth * scale);
    this.frame.height = Math.round(videoHeight * scale);
    this.frame.getContext("2d", { willReadFrequently: true })?.drawImage(this.video, 0, 0, this.frame.width, this.frame.height);
    return read(this.frame);
  }
}
