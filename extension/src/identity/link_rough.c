/*
 * link_rough.c
 *		What a value is found by: its exact token and its rough one.
 *
 * Equal texts have equal exact tokens, and so have two forms of one name or of one home.  The
 * rough token is what values that are nearly the same have in common.
 */
#include "identity/link.h"

#include <string.h>

#include "pure/hash.h"

#define SOUND_SIGNS 4
#define CODE_SIGNS 6
#define TEXT_UNITS 5
#define LAST_DIGITS 4

/* Consonants that sound alike, vowels dropped; an ideograph stands for itself. */
static uint64_t
sound(const uint16_t *units, int length)
{
	static const char classes[] = "01230120022455012623010202";
	uint64_t	code = units[0];
	int			taken = 1;
	char		last = units[0] >= 'a' && units[0] <= 'z' ? classes[units[0] - 'a'] : '0';

	if (units[0] >= 0x3400)
		return code;
	for (int i = 1; i < length && taken < SOUND_SIGNS; i++)
	{
		char		class = units[i] >= 'a' && units[i] <= 'z' ? classes[units[i] - 'a'] : '0';

		if (class != '0' && class != last)
		{
			code = code * 8 + (class - '0');
			taken++;
		}
		last = class;
	}
	return code;
}

static uint32_t
fold(uint64_t number)
{
	uint64_t	mixed = crm_hash_int64((int64_t) number);

	return (uint32_t) (mixed ^ mixed >> 32) | 1;
}

static uint32_t
fold_units(const uint16_t *units, int length)
{
	return length > 0 ? fold(crm_hash_bytes(units, (size_t) length * sizeof *units)) : 0;
}

static uint32_t
rough_address(const CrmLinkReading *reading)
{
	uint64_t	key;

	if (!reading->is_prepared)
		return fold_units(reading->units, reading->length < TEXT_UNITS ? reading->length : TEXT_UNITS);
	key = crm_address_building_key(&reading->prepared.address);
	return key != 0 ? fold(key) : 0;
}

uint32_t
crm_link_rough(CrmLinkKind kind, const CrmLinkReading *reading)
{
	const uint16_t *units = reading->units;
	int			length = reading->length;

	switch (kind)
	{
		case CRM_LINK_GIVEN:
		case CRM_LINK_SURNAME:
			return fold(sound(units, length) + 1);
		case CRM_LINK_NAME:		/* Chinese names by their pinyin, so that both scripts meet */
			return reading->prepared.name.letters.length == 0 ? 0 :
				fold(sound(reading->prepared.name.letters.units, reading->prepared.name.letters.length) + 1);
		case CRM_LINK_DATE:		/* the year */
			return fold_units(units, length < 4 ? length : 4);
		case CRM_LINK_PHONE:	/* what a mask shows */
		case CRM_LINK_ID:
			return length < LAST_DIGITS ? 0 : fold_units(units + length - LAST_DIGITS, LAST_DIGITS);
		case CRM_LINK_CODE:
			length = length < 4 ? length : length - 2;
			return fold_units(units, length < CODE_SIGNS ? length : CODE_SIGNS);
		case CRM_LINK_POSTCODE:
			return fold_units(units, length < 4 ? length : length - (units[0] > '9' ? 3 : 2));
		case CRM_LINK_EMAIL:
			return fold_units(units, reading->local);
		case CRM_LINK_ADDRESS:
			return rough_address(reading);
		case CRM_LINK_TEXT:
			return fold_units(units, length < TEXT_UNITS ? length : TEXT_UNITS);
		case CRM_LINK_NUMBER:
		case CRM_LINK_SEX:
		case CRM_LINK_CLASS:
			break;
	}
	return 0;
}

/* Masked names and surnames alone find nobody. */
uint64_t
crm_link_token(CrmLinkKind kind, const uint64_t *arena, const CrmLinkValue *value)
{
	const CrmPrepared *prepared = (const CrmPrepared *) (arena + value->start);
	uint64_t	key;

	if (kind == CRM_LINK_NAME)
		return prepared->name.is_masked || prepared->name.is_surname_only ? 0 : prepared->name.key_hash;
	if (kind == CRM_LINK_ADDRESS && value->n_prepared > 0)
	{
		key = crm_address_unit_key(&prepared->address);
		return key != 0 ? key : value->hash;
	}
	return value->hash;
}
