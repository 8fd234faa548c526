/* fuzz_base64url.c - base64url: one text for one value, both ways. */
#include "fuzz.h"
#include "base64url.h"

SEEDS(SEED("eyJhbGciOiJIUzI1NiJ9"), SEED(""), SEED("AA"), SEED("AAA"), SEED("_-_-"), SEED("Zg=="), SEED("Zh"));

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned char *bytes = malloc(CRM_BASE64URL_DECODED_MAX(size));
	char	   *text = malloc(CRM_BASE64URL_ENCODED_MAX(size + 3));
	size_t		length = 0;

	if (crm_base64url_decode((const char *) data, size, bytes, &length))
	{
		HOLDS(length <= CRM_BASE64URL_DECODED_MAX(size));
		HOLDS(crm_base64url_encode(bytes, length, text) == size && memcmp(text, data, size) == 0);
	}
	free(bytes);
	length = crm_base64url_encode(data, size, text);
	HOLDS(length < CRM_BASE64URL_ENCODED_MAX(size));
	bytes = malloc(CRM_BASE64URL_DECODED_MAX(length));
	HOLDS(crm_base64url_decode(text, length, bytes, &length));
	HOLDS(length == size && memcmp(bytes, data, size) == 0);
	free(bytes);
	free(text);
	return 0;
}
