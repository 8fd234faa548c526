/* fuzz_compare.c - every field prepared and compared: either way round, with itself, inside its levels. */
#include "fuzz.h"
#include "pure/compare.h"

SEEDS(SEED("\0张伟|Wei Zhang"), SEED("\0欧阳**|歐陽娜娜女士"), SEED("\1José|josé-maria"), SEED("\2" "1990-10-03|农历1990年8月15日"),
	  SEED("\2" "05-01|1990/1/5"), SEED("\3" "139****6681|+86 13957206681"), SEED("\4zhang.wei@gmail.com|zhangwei@qq.com"),
	  SEED("\5" "110***********002X|11010519491231002X"), SEED("\6上海市徐汇区天钥桥路408号703室|徐汇区天钥桥路四〇八号（北楼）1单元7层"),
	  SEED("\6阳光花园Ａ座三单元一千二百零一室|虹桥路2489弄29幢"), SEED("\7SW1A 1AA|200030"), SEED("\10York|north York"), SEED("\11-1,000.5|99"));

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CrmCompareField field;
	CrmPrepared a;
	CrmPrepared b;
	const uint8_t *bar;
	int			level;
	bool		is_known;

	if (size < 2)
		return 0;
	field = (CrmCompareField) (data[0] % CRM_COMPARE_FIELDS);
	data++, size--;
	bar = memchr(data, '|', size);
	if (bar == NULL)
		bar = data + size / 2;
	is_known = crm_prepare(field, (const char *) data, (size_t) (bar - data), &a);
	is_known &= crm_prepare(field, (const char *) bar, size - (size_t) (bar - data), &b);
	level = crm_compare(field, &a, &b);
	HOLDS(level == crm_compare(field, &b, &a));
	HOLDS(level >= CRM_LEVEL_NULL && level < crm_compare_levels(field));
	HOLDS(is_known || level == CRM_LEVEL_NULL);
	HOLDS(*crm_compare_level_text(field, level, true) != '\0');
	if (crm_compare(field, &a, &a) > CRM_LEVEL_NULL)
		HOLDS(crm_compare(field, &a, &a) >= 1);
	if (field == CRM_FIELD_ADDRESS)
		HOLDS(crm_address_unit_key(&a.address) == 0 || crm_address_building_key(&a.address) != 0);
	return 0;
}
