/*
 * core_version.c
 *		Which release the loaded library is.  A server that preloads crm goes on with the
 *		library it started with, whatever was installed since.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(crm_core_library_version);

Datum
crm_core_library_version(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(CRM_VERSION));
}
