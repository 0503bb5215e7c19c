// Photos are made smaller on the phone before they travel: a street often has little network.

/** The longer side of what is sent, px: enough to read a plate in the picture. */
export const LONGEST_SIDE = 1920;
const QUALITY = 0.82;
/** Below this many bytes a photo travels as it is. */
const SMALL_ENOUGH = 350_000;

/** Width and height that fit `longest`, never enlarged. */
export function fitted(width: number, height: number, longest = LONGEST_SIDE): [number, number] {
  const scale = Math.min(1, longest / Math.max(width, height));
  return [Math.round(width * scale), Math.round(height * scale)];
}

/** The photo as a smaller JPEG without its metadata; the same file when it can't be read or would not get smaller. */
export async function shrink(file: File): Promise<File> {
  if (!file.type.startsWith("image/") || file.size <= SMALL_ENOUGH) return file;
  try {
    const picture = await createImageBitmap(file, { imageOrientation: "from-image" });
    const [width, height] = fitted(picture.width, picture.height);
    const canvas = document.createElement("canvas");
    canvas.width = width;
    canvas.height = height;
    canvas.getContext("2d")?.drawImage(picture, 0, 0, width, height);
    picture.close();
    const blob = await new Promise<Blob | null>((done) => canvas.toBlob(done, "image/jpeg", QUALITY));
    if (blob === null || blob.size >= file.size) return file;
    return new File([blob], file.name.replace(/\.\w+$/, "") + ".jpg", { type: "image/jpeg" });
  } catch {
    return file; // the server reads more formats than a canvas, and says so where it doesn't
  }
}

/** All of them, one after the other: several photos at once are more than a phone's memory holds. */
export async function shrinkAll(files: readonly File[]): Promise<File[]> {
  const smaller: File[] = [];
  for (const file of files) smaller.push(await shrink(file));
  return smaller;
}

/** Puts other files into a file field. */
export function putFiles(input: HTMLInputElement, files: readonly File[]): void {
  const carrier = new DataTransfer();
  for (const file of files) carrier.items.add(file);
  input.files = carrier.files;
}
