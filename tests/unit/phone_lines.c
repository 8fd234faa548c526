/* phone_lines.c - answers one telephone number a line, for oracle_phone.py. */
#include <stdio.h>
#include <string.h>

#include "pure/normalize_phone.h"

int
main(void)
{
	char		line[256];

	while (fgets(line, sizeof line, stdin))
	{
		CrmPhone	phone;

		crm_phone_normalize(line, strcspn(line, "\n"), CRM_PHONE_CHINA, &phone);
		printf("%s\t%s\n", phone.e164, crm_phone_type_name(phone.type));
	}
	return 0;
}
