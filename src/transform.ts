import type { VoxtralStream } from "./stream.ts";
import type { AudioChunk, VoxtralEvent } from "./types.ts";

/** What pipeThrough() takes: chunks of audio in, events out. Both ends keep pace with the model. */
export interface AudioTransform {
  readable: ReadableStream<VoxtralEvent>;
  writable: WritableStream<AudioChunk>;
}

export function transformOf(stream: VoxtralStream): AudioTransform {
  const events = stream[Symbol.asyncIterator]();
  const readable = new ReadableStream<VoxtralEvent>(
    {
      async pull(controller) {
        const { done, value } = await events.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      cancel: () => stream.close(),
    },
    { highWaterMark: 0 },
  );
  const writable = new WritableStream<AudioChunk>({
    write: (chunk) => stream.write(chunk),
    close: () => stream.end(),
    abort: (reason) => stream.fail(reason),
  });
  return { readable, writable };
}
