package ftp

import (
	"context"
	"maps"
	"slices"
	"strings"
)

// Commands returns the names of all commands, sorted, as Server.Deny and Allow
// take them.
func Commands() []string { return slices.Sorted(maps.Keys(verbs())) }

// verbs is the one table of commands.
func verbs() map[string]*verb {
	table := map[string]*verb{
		"ABOR": {run: (*conn).abor, when: always, arg: mayNot},
		"ACCT": {run: (*conn).acct, when: always, arg: mustHave, help: "answer"},
		"ALLO": {run: (*conn).allo, arg: mustHave, keeps: keepRestart, help: "size [R size]"},
		"APPE": {run: (*conn).appe, arg: mustHave, help: "file"},
		"AUTH": {run: (*conn).authCommand, when: beforeLogin, arg: mustHave, help: "TLS"},
		"AVBL": {run: (*conn).avbl, help: "[directory]"},
		"CCC":  {run: (*conn).ccc, when: always, arg: mayNot},
		"CDUP": {run: (*conn).cdup, arg: mayNot},
		"CLNT": {run: (*conn).clnt, when: always, arg: mustHave, help: "name"},
		"COMB": {run: (*conn).comb, arg: mustHave, help: "target part..."},
		"CSID": {run: (*conn).csid, when: always, arg: mustHave, help: "Name=name;"},
		"CWD":  {run: (*conn).cwdCommand, help: "[directory]"},
		"DELE": {run: (*conn).dele, arg: mustHave, help: "file"},
		"EPRT": {run: (*conn).eprt, arg: mustHave, keeps: keepRestart, help: "|family|address|port|"},
		"EPSV": {run: (*conn).epsv, keeps: keepRestart, help: "[1|2|ALL]"},
		"FEAT": {run: (*conn).feat, when: always, arg: mayNot},
		"HASH": {run: (*conn).hashCommand, arg: mustHave, help: "file"},
		"HELP": {run: (*conn).helpCommand, when: always, help: "[command]"},
		"HOST": {run: (*conn).hostCommand, when: beforeLogin, arg: mustHave, help: "name"},
		"LANG": {run: (*conn).lang, when: always, help: "[EN]"},
		"LIST": {run: (*conn).list, help: "[path]"},
		"MD5":  {run: (*conn).md5Command, arg: mustHave, help: "file"},
		"MDTM": {run: (*conn).mdtm, arg: mustHave, help: "file"},
		"MFCT": {run: (*conn).mfct, arg: mustHave, help: "YYYYMMDDhhmmss file"},
		"MFF":  {run: (*conn).mff, arg: mustHave, help: "fact=value;... file"},
		"MFMT": {run: (*conn).mfmt, arg: mustHave, help: "YYYYMMDDhhmmss file"},
		"MKD":  {run: (*conn).mkd, arg: mustHave, help: "directory"},
		"MLSD": {run: (*conn).mlsd, help: "[directory]"},
		"MLST": {run: (*conn).mlst, help: "[path]"},
		"MODE": {run: (*conn).mode, arg: mustHave, keeps: keepRestart, help: "S|Z"},
		"NLST": {run: (*conn).nlst, help: "[path]"},
		"NOOP": {run: (*conn).noop, when: always, keeps: keepRestart | keepRename},
		"OPTS": {run: (*conn).opts, when: always, arg: mustHave, keeps: keepRestart, help: "option [value]"},
		"PASS": {run: (*conn).pass, when: always, help: "password"},
		"PASV": {run: (*conn).pasv, arg: mayNot, keeps: keepRestart},
		"PBSZ": {run: (*conn).pbsz, when: always, arg: mustHave, help: "0"},
		"PORT": {run: (*conn).port, arg: mustHave, keeps: keepRestart, help: "h1,h2,h3,h4,p1,p2"},
		"PROT": {run: (*conn).prot, when: always, arg: mustHave, keeps: keepRestart, help: "C|P"},
		"PWD":  {run: (*conn).pwd, arg: mayNot},
		"QUIT": {run: (*conn).quitCommand, when: always},
		"RANG": {run: (*conn).rang, arg: mustHave, keeps: keepRestart, help: "first last"},
		"REIN": {run: (*conn).rein, when: always, arg: mayNot},
		"REST": {run: (*conn).rest, arg: mustHave, keeps: keepRestart, help: "offset"},
		"RETR": {run: (*conn).retr, arg: mustHave, help: "file"},
		"RMD":  {run: (*conn).rmd, arg: mustHave, help: "directory"},
		"RNFR": {run: (*conn).rnfr, arg: mustHave, keeps: keepRename, help: "file"},
		"RNTO": {run: (*conn).rnto, arg: mustHave, help: "file"},
		"SITE": {run: (*conn).site, arg: mustHave, help: "command"},
		"SIZE": {run: (*conn).size, arg: mustHave, keeps: keepRestart, help: "file"},
		"SMNT": {run: notImplemented},
		"STAT": {run: (*conn).stat, when: always, keeps: keepRestart, help: "[path]"},
		"STOR": {run: (*conn).stor, arg: mustHave, help: "file"},
		"STOU": {run: (*conn).stou},
		"STRU": {run: (*conn).stru, arg: mustHave, keeps: keepRestart, help: "F"},
		"SYST": {run: (*conn).syst, when: always, arg: mayNot},
		"THMB": {run: notImplemented},
		"TYPE": {run: (*conn).typeCommand, arg: mustHave, keeps: keepRestart, help: "A|I|L 8"},
		"USER": {run: (*conn).userCommand, when: always, arg: mustHave, help: "name"},
	}
	for alias, name := range aliases() {
		table[alias] = table[name]
	}
	for _, x := range xhashes() {
		table[x.verb] = &verb{run: xhashCommand(x.algo), arg: mustHave, help: "file [first [end]]"}
	}
	return table
}

// aliases are the names of RFC 775.
func aliases() map[string]string {
	return map[string]string{"XCUP": "CDUP", "XCWD": "CWD", "XMKD": "MKD", "XPWD": "PWD", "XRMD": "RMD"}
}

func notImplemented(*conn, context.Context, string) *reply {
	return say(codeUnimplemented, "Command is not implemented.")
}

// helpCommand is HELP.
func (c *conn) helpCommand(ctx context.Context, arg string) *reply {
	if arg != "" {
		name := strings.ToUpper(strings.TrimSpace(arg))
		if name == "SITE" {
			return c.siteHelp(ctx, "")
		}
		v := c.srv.verbs[name]
		if v == nil {
			return say(codeUnimplemented, "Unknown command.")
		}
		return say(codeHelp, "Syntax: %s", strings.TrimSpace(name+" "+v.help))
	}
	r := &reply{code: codeHelp, text: "Commands:", end: "End.", lines: []string{}}
	for names := range slices.Chunk(slices.Sorted(maps.Keys(c.srv.verbs)), 10) {
		r.lines = append(r.lines, strings.Join(names, " "))
	}
	return r
}
