// Package config reads the configuration of the product: one INI file with
// sections such as [services/ID], turned into typed structs with defaults.
//
// It is strict. An unknown section or option, a duplicate, a bad value and a
// missing option are errors that name the file, the line and the option, and
// all errors of a file are reported together. What an option is called, what
// it means and what it is by default stands in the tags of the structs here;
// decoding, checking and the operators' reference are all made from those.
//
// The package looks at the file alone. Whether the folders and keys that it
// names fit together is for the packages that use them; they report what they
// find with Config.Errorf, so that it carries a line, too.
package config
