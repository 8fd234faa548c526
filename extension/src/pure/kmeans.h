/*
 * kmeans.h - points divided into k groups around their means; the same seed gives the same answer.
 *
 * k-means++ starts, Lloyd's steps, the best of several restarts.  Groups are numbered by their
 * size, then by their first coordinate, so that the numbers say something and never depend on
 * which start won.
 *
 * Promises: no allocation; points are rows of dims numbers; all arrays are the caller's.
 */
#ifndef CRM_PURE_KMEANS_H
#define CRM_PURE_KMEANS_H

#include <stddef.h>
#include <stdint.h>

#define CRM_KMEANS_MAX_GROUPS 32
#define CRM_KMEANS_MAX_DIMS 16

typedef struct CrmKmeans
{
	const double *points;
	size_t		count;
	int			dims;
	int			groups;			/* fewer are made when there are not so many different points */
	int			restarts;
	uint64_t	seed;
	int		   *labels;			/* out: 0 to groups - 1, a point each */
	int		   *scratch;		/* as many */
	double	   *distances;		/* as many */
	void		(*pause) (void);	/* called every few thousand points, and may leave by an error; null: nobody asks */
	double		means[CRM_KMEANS_MAX_GROUPS][CRM_KMEANS_MAX_DIMS];	/* out */
	size_t		sizes[CRM_KMEANS_MAX_GROUPS];	/* out */
	double		cost;			/* out: sum of squared distances */
	int			made;			/* out: groups that have points */
} CrmKmeans;

extern void crm_kmeans(CrmKmeans *task);

#endif
