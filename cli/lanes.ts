// Several transcriptions at once, printed in order: the first unfinished one goes
// straight out, the others wait for their turn.
type Piece = ["out" | "err", string];

/** Where one of the transcriptions prints. */
export interface Lane {
  print(to: "out" | "err", text: string): Promise<void>;
}

/** Runs job(i, lane) for i < count, at most `width` at a time; `show` puts what they print in order. */
export async function inLanes(
  count: number,
  width: number,
  show: (to: "out" | "err", text: string) => Promise<void>,
  job: (i: number, lane: Lane) => Promise<void>,
): Promise<void> {
  const waiting: Piece[][] = Array.from({ length: count }, () => []);
  const finished: boolean[] = [];
  let current = 0;
  let next = 0;

  const laneOf = (i: number): Lane => ({
    async print(to, text) {
      if (text === "") return;
      if (i === current) await show(to, text);
      else waiting[i]?.push([to, text]);
    },
  });

  /** Gives the turn to the next unfinished one, once what it has said so far is out. */
  async function advance(): Promise<void> {
    while (finished[current]) {
      const said = waiting[current + 1] ?? [];
      for (let piece = said.shift(); piece; piece = said.shift()) await show(...piece);
      current++;
    }
  }

  async function work(): Promise<void> {
    while (next < count) {
      const i = next++;
      await job(i, laneOf(i));
      finished[i] = true;
      if (i === current) await advance();
    }
  }

  await Promise.all(Array.from({ length: Math.min(width, count) }, work));
}
