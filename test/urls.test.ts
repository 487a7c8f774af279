// http: URLs, from a server on this machine.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { type Transcript, Voxtral } from "../src/index.ts";
import { failure, media, nano, runCli } from "./helpers.ts";

const testFfmpeg = test.skipIf(!Bun.which("ffmpeg"));
const said = "one two three four five six seven eight nine zero";
let model: Voxtral;

beforeAll(async () => {
  model = await Voxtral.load(nano);
});
afterAll(() => model.close());

const transcribe = (url: URL): Promise<Transcript> => model.transcribe(url).result();

const serve = () =>
  Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch({ url }) {
      const { pathname } = new URL(url);
      if (pathname === "/page")
        return new Response("<html>no audio</html>", { headers: { "content-type": "text/html" } });
      const file = Bun.file(media(pathname.slice(1)));
      return pathname.startsWith("/digits") ? new Response(file) : new Response("no", { status: 404 });
    },
  });

test("are fetched as a stream; errors are sentences", async () => {
  using server = serve();
  const { text } = await transcribe(new URL("/digits.mp3", server.url));
  expect(text).toBe(said);
  const missing = new URL("/missing.mp3", server.url);
  expect((await failure("io", () => transcribe(missing))).message).toBe(`${missing}: HTTP 404 Not Found`);
  const page = new URL("/page", server.url);
  expect((await failure("format", () => transcribe(page))).message).toStartWith(`${page}: not audio of a known format`);
  const refused = new URL("http://127.0.0.1:1/a.mp3");
  expect((await failure("io", () => transcribe(refused))).message).toStartWith(`${refused}: cannot be fetched`);
});

test("for the command", async () => {
  using server = serve();
  const run = await runCli([`${server.url}digits.ogg`, "--silent"]);
  expect(run).toEqual({ out: `${said}\n`, err: "", code: 0 });
});

testFfmpeg("an MP4 (by ffmpeg)", async () => {
  using server = serve();
  expect((await transcribe(new URL("/digits.mp4", server.url))).text).toBe(said);
});
