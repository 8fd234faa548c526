/*
 * ingest_fault.c
 *		What can be wrong with a record.
 *
 * Only the first fault of a record is kept: the code, the field, and one sentence that says
 * what to do.  No value of the record appears in it, for values may be personal.  A field
 * that a mapping filled is named with its column, which is what the sender knows.
 */
#include "ingest/ingest.h"

static const char *const codes[CRM_FAULT_N] = {
	[CRM_FAULT_NONE] = NULL,
	[CRM_FAULT_SYNTAX] = "RM200",
	[CRM_FAULT_ENCODING] = "RM201",
	[CRM_FAULT_UNKNOWN_FIELD] = "RM202",
	[CRM_FAULT_MISSING] = "RM203",
	[CRM_FAULT_TYPE] = "RM204",
	[CRM_FAULT_OPTION] = "RM205",
	[CRM_FAULT_RANGE] = "RM206",
	[CRM_FAULT_REFERENCE] = "RM207",
	[CRM_FAULT_NOBODY] = "RM208",
	[CRM_FAULT_DERIVED] = "RM209",
	[CRM_FAULT_TOO_LARGE] = "RM215",
};

const char *
crm_ingest_fault_code(CrmIngestFault fault)
{
	return codes[fault];
}

/* field and remedy live at least as long as the record. */
void
crm_ingest_fault(CrmIngestParser *p, CrmIngestFault fault, const char *field, const char *remedy)
{
	if (p->fault != CRM_FAULT_NONE)
		return;
	p->fault = fault;
	p->fault_field = field;
	p->fault_remedy = remedy;
}

/* The same for a standard field, with the column that a mapping read it from. */
void
crm_ingest_slot_fault(CrmIngestParser *p, CrmIngestFault fault, int field, const char *remedy)
{
	const CrmIngestTarget *target = p->slots[field].target;

	if (p->fault != CRM_FAULT_NONE)
		return;
	if (target != NULL && target->column != NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(p->fact_memory);

		remedy = psprintf("%s (Column %s.)", remedy, target->column);
		MemoryContextSwitchTo(old);
	}
	crm_ingest_fault(p, fault, crm_ingest_fields[field].name, remedy);
}
