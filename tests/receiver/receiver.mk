# The local receiver of messages, for the demonstration and the tests of the sender.

## make receiver        the receiver of messages: build/crm_receiver
RECEIVER_SOURCES = $(sort $(wildcard tests/receiver/*.c))
RECEIVER_CFLAGS  = -std=gnu11 -O2 -g -Wall -Wextra -Werror

.PHONY: receiver
receiver: build/crm_receiver
build/crm_receiver: $(RECEIVER_SOURCES) tests/receiver/receiver.h
	@mkdir -p build
	$(CC) $(RECEIVER_CFLAGS) -o $@ $(RECEIVER_SOURCES) -lssl -lcrypto -pthread
