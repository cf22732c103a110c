// Scenarios for ssh2 and ssh2-sftp-client, one by its name: node ssh2_client.js NAME.
//
// What the server has to look like afterwards is for the test that runs this.
"use strict";
const assert = require("node:assert/strict");
const fs = require("node:fs");
const { Readable, Writable } = require("node:stream");
const { pipeline } = require("node:stream/promises");
const { utils } = require("ssh2");
const Client = require("ssh2-sftp-client");

setTimeout(() => { console.error("it hangs"); process.exit(1); }, 100_000).unref();
const { SSH_HOST, SSH_PORT, SSH_PASSWORD, SSH_KEY, SSH_KNOWN, SSH_MORE_KEYS } = process.env;
const known = Buffer.from(fs.readFileSync(SSH_KNOWN, "utf8").split(" ")[2], "base64");

async function connected(how, use) {
  const client = new Client();
  client.on("keyboard-interactive", (name, text, lang, prompts, finish) => finish(prompts.map(() => SSH_PASSWORD)));
  await client.connect({ host: SSH_HOST, port: SSH_PORT, username: "u", hostVerifier: (key) => known.equals(key), ...how });
  try {
    await use(client);
  } finally {
    await client.end();
  }
}

const byKey = { privateKey: fs.readFileSync(SSH_KEY) };

async function login() {
  const keys = [utils.generateKeyPairSync("rsa", { bits: 3072 }), utils.generateKeyPairSync("ecdsa", { bits: 384 })];
  fs.writeFileSync(SSH_MORE_KEYS, keys.map((k) => k.public + "\n").join(""), { mode: 0o600 });
  const ways = [byKey, ...keys.map((k) => ({ privateKey: k.private })), { password: SSH_PASSWORD }, { tryKeyboard: true }];
  for (const how of ways) {
    await connected(how, async (sftp) => assert.equal(await sftp.realPath("."), "/"));
  }
  const stranger = utils.generateKeyPairSync("ed25519");
  for (const how of [{ password: "wrong" }, { privateKey: stranger.private }]) {
    await assert.rejects(connected(how, assert.fail), /authentication methods failed/);
  }
  await assert.rejects(connected({ ...byKey, hostVerifier: () => false }, assert.fail), /Host denied/);
}

async function files() {
  const big = fs.readFileSync("big");
  await connected(byKey, async (sftp) => {
    await sftp.put("big", "big");
    await sftp.put(big, "from buffer");
    await sftp.put(Readable.from([big.subarray(0, 100), big.subarray(100)]), "from stream");
    await sftp.fastPut("big", "fast", { concurrency: 16, chunkSize: 100_000 });
    await sftp.put(Buffer.alloc(0), "empty");

    assert.ok(big.equals(await sftp.get("big")));
    await sftp.get("big", "back");
    const chunks = [];
    await sftp.get("big", new Writable({ write(chunk, _, next) { chunks.push(chunk); next(); } }));
    assert.ok(big.equals(Buffer.concat(chunks)));
    await sftp.fastGet("big", "fast back", { concurrency: 16, chunkSize: 100_000 });
    assert.ok(big.subarray(1000, 5001).equals(await sftp.get("big", undefined, { readStreamOptions: { start: 1000, end: 5000 } })));
    assert.equal((await sftp.get("empty")).length, 0);
    await pipeline(sftp.createReadStream("big"), sftp.createWriteStream("streamed", { mode: 0o640 }));
    await sftp.rcopy("big", "copied");

    await sftp.put(Buffer.from("one, "), "appended");
    await sftp.append(Buffer.from("two, "), "appended");
    await sftp.append(Buffer.from("three"), "appended");
    await sftp.put(Buffer.from("0123456789"), "patched");
    await sftp.put(Buffer.from("xy"), "patched", { writeStreamOptions: { flags: "r+", start: 4 } });
    await sftp.put(Buffer.from("new"), "new", { writeStreamOptions: { flags: "wx" } });
    await assert.rejects(sftp.put(Buffer.from("again"), "new", { writeStreamOptions: { flags: "wx" } }));
    await assert.rejects(sftp.get("nothing"), /No such file/i);
    await assert.rejects(sftp.fastGet("nothing", "never"), /No such file/i);
  });
}

async function names() {
  await connected(byKey, async (sftp) => {
    assert.equal(await sftp.exists("d"), false);
    await sftp.mkdir("d/e/f", true);
    assert.equal(await sftp.exists("d/e/f"), "d");
    await assert.rejects(sftp.mkdir("no/parent"));
    const wanted = [];
    await Promise.all(Array.from({ length: 250 }, (_, i) => {
      wanted.push(`file ${i}`);
      return sftp.put(Buffer.from("x".repeat(i)), `d/file ${i}`);
    }));
    const list = await sftp.list("d"); // more than one page
    assert.deepEqual(list.map((e) => e.name).sort(), [...wanted, "e"].sort());
    const entry = list.find((e) => e.name === "file 123");
    assert.equal(entry.type, "-");
    assert.equal(entry.size, 123);
    assert.equal(entry.rights.user, "rw");
    assert.match(entry.longname, /^-rw.* file 123$/);
    assert.deepEqual((await sftp.list("d", (e) => /^file 7\d$/.test(e.name))).length, 10);

    await sftp.put(Buffer.from("a"), "a");
    await sftp.chmod("a", 0o604);
    const stat = await sftp.stat("a");
    assert.equal(stat.mode & 0o7777, 0o604);
    assert.equal(stat.size, 1);
    assert.ok(stat.isFile && !stat.isDirectory);
    assert.ok(Math.abs(stat.modifyTime - Date.now()) < 60_000);
    assert.ok((await sftp.stat("d")).isDirectory);
    await assert.rejects(sftp.stat("nothing"), /No such file/i);
    assert.equal(await sftp.exists("a"), "-");

    await sftp.put(Buffer.from("b"), "b");
    await assert.rejects(sftp.rename("a", "b"));
    await sftp.posixRename("a", "b");
    await sftp.rename("b", "ünï cöde");
    assert.equal(await sftp.realPath("d/../ünï cöde"), "/ünï cöde");

    // For what ssh2-sftp-client lacks, ssh2 itself.
    const raw = (call, ...args) => new Promise((done, fail) =>
      sftp.sftp[call](...args, (err, result) => (err ? fail(err) : done(result))));
    await raw("symlink", "../ünï cöde", "d/link");
    assert.equal(await raw("readlink", "d/link"), "../ünï cöde");
    assert.equal(await sftp.exists("d/link"), "l");
    await raw("symlink", "nowhere", "dangling");
    await raw("ext_openssh_hardlink", "ünï cöde", "hard");
    await raw("utimes", "hard", 981173106, 981173107);
    assert.equal((await raw("stat", "hard")).mtime, 981173107);
    assert.ok((await raw("ext_openssh_statvfs", "/")).f_blocks > 0);
    const h = await raw("open", "hard", "r+");
    await raw("write", h, Buffer.from("hard"), 0, 4, 0);
    await raw("ext_openssh_fsync", h);
    await raw("close", h);

    await sftp.put(Buffer.from("gone"), "gone");
    await sftp.delete("gone");
    await assert.rejects(sftp.delete("gone"));
    assert.ok(await sftp.delete("gone", true)); // not there is fine
    await assert.rejects(sftp.rmdir("d"));
    await sftp.mkdir("tree/x/y", true);
    await sftp.put(Buffer.from("z"), "tree/x/y/z");
    await sftp.rmdir("tree", true);
    assert.equal(await sftp.exists("tree"), false);
  });
}

async function trees() {
  await connected(byKey, async (sftp) => {
    await sftp.uploadDir("tree", "up");
    await sftp.uploadDir("tree", "fast", { useFastput: true });
    await sftp.uploadDir("tree", "some", { filter: (path, isDir) => isDir || /[05]$/.test(path) });
    await sftp.downloadDir("up", "down");
    await sftp.downloadDir("up", "fast down", { useFastget: true });
  });
}

({ login, files, names, trees })[process.argv[2]]().catch((err) => {
  console.error(err);
  process.exit(1);
});
