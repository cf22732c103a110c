"""Scenarios for paramiko, one by its name: python3 paramiko_client.py NAME.

What the server has to look like afterwards is for the test that runs this.
"""
import faulthandler
import hashlib
import io
import os
import random
import stat
import sys

import paramiko

faulthandler.dump_traceback_later(100, exit=True)  # says where it hangs
HOST, PORT, PASSWORD = os.environ["SSH_HOST"], int(os.environ["SSH_PORT"]), os.environ["SSH_PASSWORD"]
KEY, KNOWN, MORE_KEYS = os.environ["SSH_KEY"], os.environ["SSH_KNOWN"], os.environ["SSH_MORE_KEYS"]


def connect(**how):
    client = paramiko.SSHClient()
    client.load_host_keys(KNOWN)  # the default policy rejects all others
    how.setdefault("pkey", paramiko.Ed25519Key.from_private_key_file(KEY) if "password" not in how else None)
    client.connect(HOST, PORT, "u", allow_agent=False, look_for_keys=False, timeout=60, **how)
    return client


def fails(kind, call, *args):
    try:
        call(*args)
    except kind as e:
        return str(e)
    raise AssertionError(f"{call} {args} works")


def login():
    """Every way to log in."""
    rsa, ecdsa = paramiko.RSAKey.generate(3072), paramiko.ECDSAKey.generate(bits=256)
    stranger = paramiko.ECDSAKey.generate(bits=256)
    fd = os.open(MORE_KEYS, os.O_CREAT | os.O_WRONLY, 0o600)
    os.write(fd, f"{rsa.get_name()} {rsa.get_base64()}\n{ecdsa.get_name()} {ecdsa.get_base64()}\n".encode())
    os.close(fd)
    for how in {}, {"pkey": rsa}, {"pkey": ecdsa}, {"password": PASSWORD}:
        with connect(**how) as client:
            assert client.open_sftp().normalize(".") == "/"
    fails(paramiko.AuthenticationException, lambda: connect(password="wrong"))
    fails(paramiko.AuthenticationException, lambda: connect(pkey=stranger))

    transport = paramiko.Transport((HOST, PORT))
    transport.start_client()
    transport.auth_interactive("u", lambda title, text, prompts: [PASSWORD for _ in prompts])
    assert transport.is_authenticated()
    transport.close()


def files():
    """Whole files and parts of them."""
    with open("big", "rb") as f:
        big = f.read()
    with connect() as client:
        sftp = client.open_sftp()
        with open("big", "rb") as f:
            assert sftp.putfo(f, "big").st_size == len(big)  # pipelined writes
        back = io.BytesIO()
        assert sftp.getfo("big", back) == len(big)  # with prefetch
        assert back.getvalue() == big
        sftp.put("big", "again")
        sftp.get("again", "back")
        sftp.putfo(io.BytesIO(), "empty")

        with sftp.open("big") as f:
            assert f.check("sha256") == hashlib.sha256(big).digest()
            assert f.check("md5,sha1", 1000, 5000) == hashlib.md5(big[1000:6000]).digest()
            blocks = f.check("sha256", 0, 1 << 20, 1 << 18)
            assert blocks == b"".join(hashlib.sha256(big[i:i + (1 << 18)]).digest() for i in range(0, 1 << 20, 1 << 18))
            fails(OSError, f.check, "whirlpool")
        # Chunks must not overlap: paramiko 2.12 then waits for ever, also with OpenSSH.
        with sftp.open("big") as f:
            chunks = [(i * 100000 + random.randrange(50000), 1 + random.randrange(40000)) for i in range(40)]
            for (at, n), got in zip(chunks, f.readv(chunks)):
                assert got == big[at:at + n], (at, n)
        with sftp.open("big") as f:
            for at in 0, 1, len(big) - 1, 32768, 77777:
                f.seek(at)
                assert f.read(100) == big[at:at + 100]
            f.seek(len(big))
            assert f.read(10) == b""

        with sftp.open("patched", "w") as f:
            f.write(b"0123456789")
        with sftp.open("patched", "r+") as f:
            f.seek(4)
            f.write(b"xy")
            f.flush()
            f.seek(0)
            assert f.read() == b"0123xy6789"
        with sftp.open("patched", "a") as f:
            f.write(b"ten")
            assert f.tell() == 13
        sftp.truncate("patched", 11)
        with sftp.open("patched", "r+") as f:
            f.truncate(12)
        with sftp.open("new", "wx") as f:
            f.write(b"new")
        fails(OSError, sftp.open, "new", "wx")
        fails(FileNotFoundError, sftp.open, "nothing")


def names():
    """Attributes, links and listings."""
    with connect() as client:
        sftp = client.open_sftp()
        sftp.mkdir("d", 0o750)
        for i in range(250):  # more than one page
            sftp.open(f"d/file {i}", "w").close()
        assert {a.filename for a in sftp.listdir_attr("d")} == {f"file {i}" for i in range(250)}
        assert len(list(sftp.listdir_iter("d"))) == 250
        assert sorted(sftp.listdir("d")) == sorted(f"file {i}" for i in range(250))
        with sftp.open("a", "w") as f:
            f.write("a")
        sftp.chmod("a", 0o604)
        sftp.utime("a", (981173106, 981173107))
        attr = sftp.stat("a")
        assert stat.S_IMODE(attr.st_mode) == 0o604 and stat.S_ISREG(attr.st_mode), attr
        assert (attr.st_atime, attr.st_mtime, attr.st_size) == (981173106, 981173107, 1), attr
        sftp.chown("a", attr.st_uid, attr.st_gid)

        sftp.symlink("../a", "d/link")
        assert sftp.readlink("d/link") == "../a"
        assert stat.S_ISLNK(sftp.lstat("d/link").st_mode) and stat.S_ISREG(sftp.stat("d/link").st_mode)
        sftp.symlink("nowhere", "dangling")
        fails(FileNotFoundError, sftp.stat, "dangling")
        fails(OSError, sftp.readlink, "a")

        with sftp.open("b", "w") as f:
            f.write("b")
        fails(OSError, sftp.rename, "a", "b")
        sftp.posix_rename("a", "b")
        sftp.rename("b", "ünï cöde")
        sftp.chdir("d")
        assert sftp.getcwd() == "/d" and sftp.stat("../ünï cöde").st_size == 1
        sftp.chdir(None)
        fails(OSError, sftp.rmdir, "/d")
        fails(OSError, sftp.mkdir, "/d")
        fails(OSError, sftp.remove, "/nothing")
        sftp.mkdir("gone")
        sftp.rmdir("gone")

        # paramiko has no call for this one.
        _, reply = sftp._request(paramiko.sftp.CMD_EXTENDED, "statvfs@openssh.com", "/")
        size, fragment, blocks = (reply.get_int64() for _ in range(3))
        assert fragment > 0 and blocks > 0, (size, fragment, blocks)
        _, out, _ = client.exec_command("sha256sum 'ünï cöde'")
        assert out.read().decode().startswith(hashlib.sha256(b"a").hexdigest())
        assert out.channel.recv_exit_status() == 0


{"login": login, "files": files, "names": names}[sys.argv[1]]()
