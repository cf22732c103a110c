# make test   installs the programs that tests run against and runs everything
# make lint   formatting, vet on every platform, staticcheck
# make fuzz   runs each fuzz target for FUZZTIME
# make bench  benchmarks, three times each
# make bench-ssh  measures the SSH server beside OpenSSH, into docs/benchmarks.md
# make bench-ftp  measures the FTP server beside vsftpd, ProFTPD and Pure-FTPd, into docs/benchmarks.md

GO         ?= go
FUZZTIME   ?= 10s
MODULES    := . ./examples/mft
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2
PEERS      := openssh-client openssh-server openssh-sftp-server openssh-tests sshpass putty-tools rclone \
              curl diffutils dropbear-bin fuse3 inetutils-ftp lftp ncftp python3-asyncssh python3-paramiko sshfs ssh-audit \
              tnftp wget
# To measure beside, together with curl. They conflict, so they are unpacked, with
# what they need, and not installed.
FTPDS      := vsftpd proftpd-core proftpd-mod-crypto pure-ftpd
UNPACKED   := .bin/ftpds
PLATFORMS  := linux/amd64 linux/arm64 linux/386 windows/amd64 windows/arm64 windows/386 \
              darwin/amd64 darwin/arm64 freebsd/amd64 freebsd/arm64 freebsd/386

.PHONY: all test peers lint cross fuzz bench bench-ssh bench-ftp

all: lint test

test: peers
	QUAYMASTER_INTEROP=require $(GO) test -race -count=1 -timeout 20m work

# Peers come from Debian; elsewhere tests that need them say what is missing.
# A Node.js that is not Debian's brings npm along, and excludes Debian's.
peers:
	@command -v apt-get >/dev/null || { echo "no apt-get: install $(PEERS) yourself"; exit 0; }; \
	set -- $(PEERS); command -v npm >/dev/null || set -- "$$@" nodejs npm; \
	dpkg -s "$$@" >/dev/null 2>&1 || { \
	  apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "$$@" >/dev/null; }

lint: cross
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); exit 1; }
	@for m in $(MODULES); do (cd $$m && $(GO) mod verify >/dev/null && $(GO) run $(STATICCHECK) ./...) || exit 1; done

cross:
	@for p in $(PLATFORMS); do \
	  echo "build and vet $$p"; \
	  for m in $(MODULES); do (cd $$m && \
	    CGO_ENABLED=0 GOOS=$${p%/*} GOARCH=$${p#*/} $(GO) build ./... && \
	    CGO_ENABLED=0 GOOS=$${p%/*} GOARCH=$${p#*/} $(GO) vet ./...) || exit 1; done; \
	done

fuzz:
	@.ci/fuzz $(FUZZTIME)

bench:
	$(GO) test -run '^$$' -bench . -benchmem -count 3 work

bench-ssh: peers
	$(GO) run ./internal/bench ssh -markdown docs/benchmarks.md

bench-ftp: peers $(UNPACKED)
	$(GO) run ./internal/bench ftp -unpacked $(UNPACKED) -markdown docs/benchmarks.md

$(UNPACKED):
	@rm -rf $@.new && mkdir -p $@.new && apt-get -qq update && \
	for p in $(FTPDS); do \
	  { echo $$p; apt-get -s install --no-install-recommends $$p | awk '/^Inst/ {print $$2}'; }; \
	done | sort -u | (cd $@.new && xargs apt-get -qq -o APT::Sandbox::User=root download) && \
	for d in $@.new/*.deb; do dpkg-deb -x $$d $@.new && rm $$d || exit 1; done && mv $@.new $@
