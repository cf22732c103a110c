"""Scenarios for ftplib against the server of ftp_python_test.go."""

import ftplib
import io
import os
import ssl
import sys

HOST, PORT, MODE = os.environ["FTP_HOST"], int(os.environ["FTP_PORT"]), os.environ["FTP_MODE"]


class ReuseFTP_TLS(ftplib.FTP_TLS):
    """Data connections resume the session of the control connection."""

    def ntransfercmd(self, cmd, rest=None):
        conn, size = ftplib.FTP.ntransfercmd(self, cmd, rest)
        if self._prot_p:
            conn = self.context.wrap_socket(conn, server_hostname=self.host, session=self.sock.session)
            assert not REUSE or conn.session_reused
        return conn, size


REUSE = MODE in ("reuse", "TLS 1.2 reuse")


def connect(password="p"):
    if MODE == "optional":
        ftp = ftplib.FTP()
    else:
        context = ssl.create_default_context(cafile=os.environ["FTP_CERT"])
        ftp = (ReuseFTP_TLS if REUSE else ftplib.FTP_TLS)(context=context)
    ftp.connect(HOST, PORT, timeout=60)
    ftp.login("u", password)
    if MODE != "optional":
        ftp.prot_p()
    return ftp


def read(ftp, name, rest=None):
    data = io.BytesIO()
    ftp.retrbinary("RETR " + name, data.write, rest=rest)
    return data.getvalue()


ftp = connect()
big = open("big", "rb").read()
with open("big", "rb") as f:
    ftp.storbinary("STOR big", f)
assert read(ftp, "big") == big
assert read(ftp, "big", rest=1000000) == big[1000000:]
ftp.storbinary("STOR part", io.BytesIO(big[:1000000]))
ftp.storbinary("STOR part", io.BytesIO(big[1000000:]), rest=1000000)
ftp.storbinary("APPE part", io.BytesIO(b"tail"))
assert read(ftp, "part") == big + b"tail"
ftp.storbinary("STOR empty", io.BytesIO())
assert read(ftp, "empty") == b""
ftp.storlines("STOR text", io.BytesIO(b"one\ntwo\n"))
lines = []
ftp.retrlines("RETR text", lines.append)
assert lines == ["one", "two"]
ftp.voidcmd("TYPE I")
assert ftp.size("text") == 8, ftp.size("text")
assert ftp.mkd('a "quoted" ünï') == '/a "quoted" ünï'
ftp.cwd('a "quoted" ünï')
assert ftp.pwd() == '/a "quoted" ünï'
ftp.storbinary("STOR x", io.BytesIO(b"x"))
ftp.rename("x", "/y")
ftp.cwd("..")
ftp.rmd('a "quoted" ünï')
facts = dict(ftp.mlsd())
assert facts["big"]["size"] == str(len(big)) and facts["big"]["type"] == "file", facts
assert sorted(ftp.nlst()) == ["big", "empty", "part", "text", "y"], ftp.nlst()
lines = []
ftp.dir(lines.append)
assert len(lines) == 5, lines
ftp.set_pasv(False)
assert read(ftp, "big") == big
ftp.set_pasv(True)
for bad in (lambda: ftp.delete("nothing"), lambda: read(ftp, "nothing"), lambda: ftp.cwd("big"), lambda: ftp.login("x", "y")):
    try:
        bad()
        raise AssertionError("no error")
    except ftplib.error_perm:
        pass
ftp.delete("y")

# A download that is aborted, and the session goes on.
conn = ftp.transfercmd("RETR big")
conn.recv(1000)
ftp.abort()  # reads the reply to RETR: 426, or 226 if all was sent
conn.close()
ftp.getresp()  # and this is the one to ABOR
assert ftp.size("big") == len(big)
ftp.quit()
try:
    connect("wrong")
    raise AssertionError("no error")
except ftplib.error_perm:
    pass
