## make bench-identity-resolve  records that find their person among a million, one by one and by the thousand (PERSONS=n)
.PHONY: bench-identity-resolve
bench-identity: bench-identity-resolve
bench-identity-resolve: build-for-bench
	@tests/bench/identity_resolve.py
