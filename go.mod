module github.com/quaymaster/quaymaster

go 1.26.0
