## make bench-campaign  flows through the gate, claims, deliveries, an order's way to a receiver, a schedule, beside job queues
.PHONY: bench-campaign
bench: bench-campaign
bench-campaign: build-for-bench
	@tests/bench/campaign.py $(STEPS)
