# crm_sender.so: the only library that links libcurl, loaded by the sending worker alone.
SENDER_SRCS = $(sort $(wildcard extension/sender/*.c))
SENDER_OBJS = $(SENDER_SRCS:.c=.o)
ifneq ($(SENDER_SRCS),)
all: crm_sender.so
crm_sender.so: $(SENDER_OBJS)
	$(CC) $(CFLAGS) $(LDFLAGS) $(LDFLAGS_SL) -shared -o $@ $(SENDER_OBJS) -lcurl -lcrypto
-include $(SENDER_OBJS:.o=.d)
install: install-sender
.PHONY: install-sender
install-sender: crm_sender.so
	$(INSTALL_SHLIB) crm_sender.so '$(DESTDIR)$(pkglibdir)/crm_sender.so'
clean: clean-sender
.PHONY: clean-sender
clean-sender: ; rm -f crm_sender.so $(SENDER_OBJS) $(SENDER_OBJS:.o=.d)
endif
