## make unit            pure code against its definitions and other programs' answers, no server
.PHONY: unit
unit: ; @MAKE="$(MAKE)" tests/unit/run -v
