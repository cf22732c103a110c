// Package ftp serves FTP, and FTP over TLS, explicit and implicit.
//
//	srv := &ftp.Server{
//		Auth: users,
//		TLS:  &tls.Config{Certificates: []tls.Certificate{cert}},
//		Sink: quaymaster.LogSink(slog.Default()),
//	}
//	l, err := net.Listen("tcp", ":2121")
//	...
//	err = srv.Serve(l)
//
// # Standards
//
//   - RFC 959 and RFC 1123 section 4.1: all commands but SMNT; STRU F, MODE S,
//     TYPE A and I.
//   - RFC 2228 and RFC 4217, FTP over TLS: AUTH, PBSZ, PROT. There is no CCC.
//   - RFC 2389: FEAT and OPTS. RFC 2428: EPRT and EPSV. RFC 2640: UTF-8.
//   - RFC 3659: MDTM, SIZE, REST STREAM, MLST and MLSD, TVFS.
//   - RFC 7151: HOST.
//   - draft-somers-ftp-mfxx: MFMT and MFF. draft-bryan-ftp-hash: HASH. draft-
//     bryan-ftp-range: RANG. draft-peterson-streamlined-ftp-command-extensions:
//     AVBL and CSID. draft-preston-ftpext-deflate: MODE Z, if switched on.
//   - By custom: XCRC, XMD5, XSHA1, XSHA256, XSHA512, MD5, COMB, CLNT, SITE CHMOD,
//     COPY, MKDIR, RMDIR, SYMLINK, UTIME, MDTM with a time.
//
// # Uploads
//
// A file is published when the server answers 226, and not before: the one that
// was there stays until then. Over TLS only close_notify ends an upload; a
// connection that is merely gone ends it as aborted. Plain FTP has no such
// proof: see Server.PlainUpload. There, too, an upload is aborted when the
// control connection goes together with the data.
//
// # Concurrency
//
// A connection has one goroutine, and during a transfer another one, which obeys
// ABOR, STAT and NOOP; all else waits for the transfer in order.
//
// # Security considerations
//
// Data connections are taken from, and made to, the address of the control
// connection only. Over TLS a session ticket that another FTP session got is
// not resumed; ReuseRequire refuses data connections that resume none.
// Commands that came in the clear behind AUTH end the connection, and so do the
// requests of other protocols. Replies hold no text of the client but names in
// double quotes, which have no control characters.
package ftp
