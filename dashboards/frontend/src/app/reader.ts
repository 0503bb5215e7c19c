// Reads QR codes where the browser can't: ZXing as WebAssembly, from this house, loaded when it is first needed.
import { prepareZXingModule, readBarcodes } from "zxing-wasm/reader";
import address from "zxing-wasm/reader/zxing_reader.wasm?url";

prepareZXingModule({ overrides: { locateFile: (path: string, prefix: string) => (path.endsWith(".wasm") ? address : prefix + path) } });

/** The text of the first code in a picture; "" when there is none. */
export async function readPicture(picture: ImageData | Blob): Promise<string> {
  const found = await readBarcodes(picture, { formats: ["QRCode", "DataMatrix"], tryHarder: true, maxNumberOfSymbols: 1 });
  return found[0]?.text ?? "";
}
