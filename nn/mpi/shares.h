/* The parameters' elements, one behind the other, in a share for each rank; what the optimiser in shares and its checkpoints have in common. */
#ifndef CT_MPI_SHARES_H
#define CT_MPI_SHARES_H

#include "mpi_internal.h"

/* A stretch of a parameter's elements. */
typedef struct ct__mpi_stretch {
    int64_t from, to; /* none: equal */
} ct__mpi_stretch;

/* A stretch of a parameter that lies in this rank's share. */
typedef struct ct__mpi_piece {
    int64_t slot; /* of the parameter, in parallel */
    ct__mpi_stretch stretch;
    ct_tensor *copy; /* the elements, as a parameter of the local optimiser; kept */
} ct__mpi_piece;

struct ct_mpi_optimizer {
    ct_mpi_parallel *parallel;
    int64_t total; /* elements */
    int64_t n_pieces;
    ct__mpi_piece *pieces;
    ct_optimizer *local;
    int *counts;           /* for the gathering: of each parameter and rank how many elements, and from where */
    MPI_Request *requests; /* of each parameter */
    int64_t number, ranks; /* of the last checkpoint, and how many wrote it; 0: not known */
};

/* What of n elements that begin at start, of total, is in the share of rank of so many. */
ct__mpi_stretch ct__mpi_share(int64_t total, int64_t ranks, int64_t rank, int64_t start, int64_t n);
/* Where in all elements the slot's begin. */
int64_t ct__mpi_start(const ct_mpi_parallel *parallel, int64_t slot);
/* Every rank's shares of the parameters to all others. */
ct_status ct__mpi_share_parameters(ct_mpi_optimizer *optimizer);
/* The optimiser if all of it lives and no error is pending, else NULL. */
ct_mpi_optimizer *ct__mpi_optimizer_live(const ct_mpi_optimizer *optimizer, const char *what);

#endif
