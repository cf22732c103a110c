"""Scenarios for AsyncSSH, one by its name: python3 asyncssh_client.py NAME.

What the server has to look like afterwards is for the test that runs this.
"""
import asyncio
import faulthandler
import hashlib
import os
import random
import stat
import sys

import asyncssh

faulthandler.dump_traceback_later(100, exit=True)  # says where it hangs
HOST, PORT, PASSWORD = os.environ["SSH_HOST"], int(os.environ["SSH_PORT"]), os.environ["SSH_PASSWORD"]
KEY, KNOWN, MORE_KEYS = os.environ["SSH_KEY"], os.environ["SSH_KNOWN"], os.environ["SSH_MORE_KEYS"]


def connect(**how):
    if "password" not in how and "client_factory" not in how:
        how.setdefault("client_keys", [KEY])
    how.setdefault("client_keys", None)
    return asyncssh.connect(HOST, PORT, username="u", known_hosts=KNOWN, agent_path=None, config=None, **how)


async def fails(kind, call):
    try:
        await call
    except kind as e:
        return e
    raise AssertionError(f"{call} works")


async def content(sftp, name):
    async with sftp.open(name, "rb") as f:
        return await f.read()


async def put(sftp, name, data):
    async with sftp.open(name, "wb") as f:
        await f.write(data)


class Questioned(asyncssh.SSHClient):
    """Answers whatever is asked."""

    def kbdint_auth_requested(self):
        return ""

    def kbdint_challenge_received(self, name, instructions, lang, prompts):
        return [PASSWORD for _ in prompts]


async def login():
    """Every way to log in."""
    keys = [asyncssh.generate_private_key("ssh-rsa", key_size=3072)]
    keys += [asyncssh.generate_private_key(f"ecdsa-sha2-nistp{n}") for n in (256, 384, 521)]
    fd = os.open(MORE_KEYS, os.O_CREAT | os.O_WRONLY, 0o600)
    os.write(fd, b"".join(key.export_public_key() for key in keys))
    os.close(fd)
    ways = [{}, {"password": PASSWORD, "preferred_auth": "password"}]
    ways += [{"client_keys": [key]} for key in keys]
    ways += [{"client_factory": Questioned, "preferred_auth": "keyboard-interactive"}]
    for how in ways:
        async with connect(**how) as conn, conn.start_sftp_client() as sftp:
            assert await sftp.realpath(".") == "/"
    wrong = connect(password="wrong", preferred_auth="password")
    await fails(asyncssh.PermissionDenied, wrong)


async def files():
    """Whole files and parts of them."""
    with open("big", "rb") as f:
        big = f.read()
    async with connect() as conn, conn.start_sftp_client() as sftp:
        await sftp.put("big", "big")
        await sftp.get("big", "back")
        await put(sftp, "written", big)
        async with sftp.open("big", "rb") as f:
            for _ in range(30):
                at, n = random.randrange(len(big)), 1 + random.randrange(70000)
                assert await f.read(n, at) == big[at:at + n], (at, n)
            assert await f.read(10, len(big)) == b""
        await put(sftp, "patched", b"0123456789")
        async with sftp.open("patched", "rb+") as f:
            await f.write(b"xy", 4)
            await f.fsync()
            assert await f.read(10, 0) == b"0123xy6789"
        async with sftp.open("patched", "ab") as f:
            await f.write(b"ten")
        await sftp.truncate("patched", 11)
        async with sftp.open("patched", "rb+") as f:
            await f.truncate(12)
            assert (await f.stat()).size == 12
            assert (await f.statvfs()).blocks > 0
        async with sftp.open("new", "xb") as f:
            await f.write(b"new")
        await fails(asyncssh.SFTPError, put_exclusive(sftp))
        await fails(asyncssh.SFTPNoSuchFile, sftp.stat("nothing"))
        assert (await sftp.statvfs("/")).blocks > 0
        await sftp.copy("big", "copied")  # within the server, from AsyncSSH 2.19 on
        if hasattr(sftp, "limits"):
            assert sftp.limits.max_read_len >= 1 << 17, sftp.limits


async def put_exclusive(sftp):
    async with sftp.open("new", "xb"):
        pass


async def names():
    """Attributes, links and listings."""
    async with connect() as conn, conn.start_sftp_client() as sftp:
        await sftp.mkdir("d")
        await asyncio.gather(*(put(sftp, f"d/{i}.csv", b"%d" % i) for i in range(150)))
        assert len(await sftp.glob("d/*.csv")) == 150
        assert sorted(await sftp.glob("d/1?.csv")) == [f"d/1{i}.csv" for i in range(10)]
        assert {e.filename for e in await sftp.readdir("d")} == {".", ".."} | {f"{i}.csv" for i in range(150)}
        os.mkdir("csv")
        await sftp.mget("d/14*.csv", "csv")
        await put(sftp, "a", b"a")
        await sftp.chmod("a", 0o604)
        await sftp.utime("a", (981173106, 981173107))
        attr = await sftp.stat("a")
        assert stat.S_IMODE(attr.permissions) == 0o604 and (attr.atime, attr.mtime, attr.size) == (981173106, 981173107, 1), attr
        await sftp.chown("a", attr.uid, attr.gid)

        # Its arguments come in the order of the draft, not of OpenSSH.
        await sftp.symlink("../a", "d/link")
        assert await sftp.readlink("d/link") == "../a"
        assert await sftp.islink("d/link") and await sftp.isfile("d/link")
        await sftp.symlink("nowhere", "dangling")
        await sftp.link("a", "hard")
        assert (await sftp.stat("hard")).size == 1
        await put(sftp, "b", b"b")
        await fails(asyncssh.SFTPFailure, sftp.rename("a", "b"))
        await sftp.posix_rename("a", "b")
        await sftp.rename("b", "ünï cöde")
        await sftp.makedirs("deep/er/still")
        await put(sftp, "deep/er/f", b"f")
        await sftp.rmtree("deep")
        assert not await sftp.exists("deep")
        await fails(asyncssh.SFTPError, sftp.rmdir("d"))


async def trees():
    """Trees, by SFTP and by SCP."""
    async with connect() as conn:
        async with conn.start_sftp_client() as sftp:
            await sftp.put("tree", "sftp", recurse=True, preserve=True)
            await sftp.get("sftp", "by-sftp", recurse=True, preserve=True)
        await asyncssh.scp("tree", (conn, "scp"), recurse=True, preserve=True)
        await asyncssh.scp((conn, "scp"), "by-scp", recurse=True, preserve=True)
        await asyncssh.scp("big", (conn, "big"))
        await asyncssh.scp((conn, "big"), "back")


async def channels():
    """Many channels at once, while the keys change and the server is asked for signs of life."""
    with open("big", "rb") as f:
        big = f.read()

    async def one(conn, i):
        async with conn.start_sftp_client() as sftp:
            await sftp.put("big", f"big{i}")
            await sftp.get(f"big{i}", f"back{i}")
        result = await conn.run(f"sha256sum big{i}", check=True)
        assert result.stdout.split()[0] == hashlib.sha256(big).hexdigest(), result.stdout

    # Debian's 2.10.1 sends data between its KEXINIT and NEWKEYS, against RFC
    # 4253 section 7.1, so that it must not get there.
    rekey = 1 << 30 if asyncssh.__version__ == "2.10.1" else 1 << 20
    async with connect(rekey_bytes=rekey, keepalive_interval=0.1, keepalive_count_max=20) as conn:
        await asyncio.gather(*(one(conn, i) for i in range(6)))
    async with connect(keepalive_interval=0.05, keepalive_count_max=10) as conn, conn.start_sftp_client() as sftp:
        await asyncio.sleep(1)  # would be cut off if nothing came back
        assert await sftp.isfile("big0")


scenario = {"login": login, "files": files, "names": names, "trees": trees, "channels": channels}[sys.argv[1]]
asyncio.run(asyncio.wait_for(scenario(), 120))
