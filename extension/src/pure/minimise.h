/*
 * minimise.h - the lowest point of a smooth function of at most four numbers, inside a box.
 *
 * The function gives its value and its gradient.  The search is BFGS on the numbers that are
 * not held by the box, ended by Newton steps on a curvature taken from differences of the
 * gradient, so that the point is good to about the precision of the gradient itself.  It
 * always ends: at a point whose gradient is zero, at a wall of the box with the gradient
 * pointing outward (at_wall has a bit for each such number), or after a fixed number of steps.
 *
 * Promises: no allocation; a value that is not finite counts as infinitely high, so a
 * function may refuse a point.
 */
#ifndef CRM_PURE_MINIMISE_H
#define CRM_PURE_MINIMISE_H

#include <stdbool.h>

#define CRM_MINIMISE_MAX 4

/* Fills gradient and returns the value at a point. */
typedef double (*CrmMinimiseFunction) (const double *point, double *gradient, void *context);

typedef struct CrmMinimise
{
	int			n;				/* numbers, 1 to CRM_MINIMISE_MAX */
	double		low[CRM_MINIMISE_MAX];
	double		high[CRM_MINIMISE_MAX];
	double		point[CRM_MINIMISE_MAX];	/* in: the start; out: the answer */
	double		value;
	double		gradient[CRM_MINIMISE_MAX];
	double		curvature[CRM_MINIMISE_MAX][CRM_MINIMISE_MAX];	/* second derivatives there */
	unsigned	at_wall;
	int			evaluations;
	bool		is_converged;
	CrmMinimiseFunction function;
	void	   *context;
} CrmMinimise;

extern void crm_minimise(CrmMinimise *task);

/* Inverts a symmetric positive definite n by n matrix; false when it is not one. */
extern bool crm_minimise_invert(double matrix[CRM_MINIMISE_MAX][CRM_MINIMISE_MAX], int n,
								double inverse[CRM_MINIMISE_MAX][CRM_MINIMISE_MAX]);

#endif
