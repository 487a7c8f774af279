// http: URLs, from a server on this machine.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { inputsOf } from "../cli/inputs.ts";
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

test("a download that breaks off: what came, and a warning; without any, an error", async () => {
  const bytes = await Bun.file(media("digits.mp3")).bytes();
  using server = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      async data(socket, request) {
        const sent = request.toString().startsWith("GET /none") ? 0 : 15_000;
        socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${bytes.length}\r\n\r\n`);
        socket.write(bytes.subarray(0, sent));
        socket.flush();
        await Bun.sleep(50);
        socket.end();
      },
    },
  });
  const url = `http://127.0.0.1:${server.port}/digits.mp3`;
  const run = await runCli([url, "--silent"]);
  expect(run.out).toStartWith("one two three");
  const warnings: string[] = [];
  const { text } = await model.transcribe(new URL(url), { onWarning: (text) => warnings.push(text) }).result();
  expect([`${text}\n`, run.code]).toEqual([run.out, 0]);
  expect(warnings[0]).toMatch(new RegExp(`^${url}: the download broke off after 15000 bytes \\(\\w+\\); what came is`));
  const none = new URL("/none", url);
  expect((await failure("io", () => transcribe(none))).message).toStartWith(`${none}: the download broke off after 0`);
});

test("a name that is not UTF-8", async () => {
  const [broken, spaced] = await inputsOf(["http://example.com/a/%zz.wav", "http://example.com/a%20b.wav"]);
  expect([broken?.stem, spaced?.stem]).toEqual(["%zz", "a b"]);
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
