// Ogg: pages of packets.

export interface OggPage {
  /** Packets that end on this page, whole. */
  packets: Uint8Array[];
  /** Position of the codec at its end. */
  granule: number;
  isLast: boolean;
}

const headerSize = 27;
/** Larger packets are no audio. */
const largestPacket = 1 << 20;

/** Finds the pages in a stream of bytes, however it is cut; skips what is none. */
export class OggReader {
  #bytes = new Uint8Array(0);
  #packet: Uint8Array[] = [];
  #ended = false;

  /** Whether the stream's last page has come, and nothing after it. */
  get ended(): boolean {
    return this.#ended && this.#bytes.length === 0;
  }

  push(bytes: Uint8Array): OggPage[] {
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
    const pages: OggPage[] = [];
    for (let page = this.#next(); page; page = this.#next()) pages.push(page);
    return pages;
  }

  #next(): OggPage | undefined {
    const start = Buffer.from(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.length).indexOf("OggS");
    if (start < 0) {
      this.#bytes = this.#bytes.slice(-3); // a mark may be cut in two
      return undefined;
    }
    const page = this.#bytes.subarray(start);
    const sizes = page.subarray(headerSize, headerSize + (page[26] ?? 0));
    const size = headerSize + sizes.length + sizes.reduce((sum, n) => sum + n, 0);
    if (page.length < headerSize || sizes.length < page[26]! || page.length < size) {
      this.#bytes = page;
      return undefined;
    }
    this.#bytes = page.slice(size);
    return this.#parse(page.subarray(0, size), sizes);
  }

  /** A packet is a run of segments of 255 bytes and a shorter one; it may span pages. */
  #parse(page: Uint8Array, sizes: Uint8Array): OggPage {
    const flags = page[5]!;
    if (!(flags & 1)) this.#packet = []; // not continued: what was begun is lost
    const packets: Uint8Array[] = [];
    let at = headerSize + sizes.length;
    for (const size of sizes) {
      this.#packet.push(page.subarray(at, at + size));
      at += size;
      if (size < 255) {
        packets.push(Buffer.concat(this.#packet));
        this.#packet = [];
      } else if (this.#packet.length * 255 > largestPacket) this.#packet = [];
    }
    const granule = Number(new DataView(page.buffer, page.byteOffset).getBigInt64(6, true));
    this.#ended = (flags & 4) !== 0;
    return { packets, granule, isLast: this.#ended };
  }
}
