/*
 * name_parts.h - the beginnings by which a name is found: any part of it as written, and any
 * part of it as read (王芳: 王芳, 芳, wangfang, wfang, fang).
 *
 * Promises: reads a key of normalize_name.h, never past its end; no allocation.  Whoever
 * types a beginning of a part finds the name: wf, wangf, fang.  Of very long names the first
 * CRM_NAME_PARTS parts are told.
 */
#ifndef CRM_PURE_NAME_PARTS_H
#define CRM_PURE_NAME_PARTS_H

#include <stddef.h>

#define CRM_NAME_PARTS 64
#define CRM_NAME_PART_CHARS 24	/* a part is cut here, and what is looked for is too */
#define CRM_NAME_PART_BYTES (CRM_NAME_PART_CHARS * 4)

typedef struct CrmNameParts
{
	int			count;
	size_t		lengths[CRM_NAME_PARTS];
	char		texts[CRM_NAME_PARTS][CRM_NAME_PART_BYTES];
} CrmNameParts;

/* Fills in the parts of a key; none when it is empty or not UTF-8. */
extern void crm_name_parts(const char *key, size_t length, CrmNameParts *parts);

#endif
