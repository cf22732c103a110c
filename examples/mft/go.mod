module github.com/quaymaster/quaymaster/examples/mft

go 1.26.0

require github.com/quaymaster/quaymaster v0.0.0

replace github.com/quaymaster/quaymaster => ../..
