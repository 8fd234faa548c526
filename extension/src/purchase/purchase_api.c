/*
 * purchase_api.c
 *		What the room enters at load: its part of a person's export.
 *
 * Orders and refunds stay when a person is erased: they hang on source records that name
 * nobody any more, and the books need them.
 */
#include "purchase/purchase.h"

void
crm_purchase_init(void)
{
	crm_core_consequence_register(CRM_ON_EXPORT, 20, "purchase", "crm._purchase_on_export");
}
