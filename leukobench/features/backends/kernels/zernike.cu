// Magnitudes of Zernike moments: integrals of x^p y^q over pixel squares, then one polynomial per order.

#define POWERS (ZERNIKE_ORDER + 1)

struct ZernikeSums {
    long long n, rows, columns;
    unsigned long long reach_bits;
    double moments[POWERS][POWERS];
};

// Integrals of t^0 ... t^8 over a pixel that is centred at `at`, in units of the radius.
__device__ inline void integrate_powers(double at, double per_radius, double* out) {
    const double a = (at - 0.5) * per_radius, b = (at + 0.5) * per_radius;
    double low = a, high = b;
    for (int p = 0; p < POWERS; p++) {
        out[p] = (high - low) * (1.0 / (p + 1));
        low *= a;
        high *= b;
    }
}

// The moments with powers FIRST to END - 1 of columns. All 45 at once would take the registers of two blocks.
template <int FIRST, int END>
__device__ __noinline__ void add_moments(const Cell& cell, int region, double y0, double x0, double per_radius,
                                         ZernikeSums* s) {
    double moments[END - FIRST][POWERS] = {{0}}, across[POWERS], down[POWERS];
    THREADS_OVER(i, cell.height * cell.width) {
        if (!belongs(cell.labels[i], region)) continue;
        integrate_powers(i % cell.width - x0, per_radius, across);
        integrate_powers(i / cell.width - y0, per_radius, down);
        for (int p = FIRST; p < END; p++) {
            for (int q = 0; q < POWERS - p; q++) moments[p - FIRST][q] += across[p] * down[q];
        }
    }
    for (int p = FIRST; p < END; p++) {
        for (int q = 0; q < POWERS - p; q++) block_add(&s->moments[p][q], moments[p - FIRST][q]);
    }
}

__device__ __noinline__ void zernike_magnitudes(const Cell& cell, int region, ZernikeSums* s, double* out) {
    const int size = cell.height * cell.width;
    fill((long long*)s, sizeof(ZernikeSums) / sizeof(long long), 0LL);
    fill(out, ZERNIKE_COUNT, NOT_A_NUMBER);
    long long n = 0, rows = 0, columns = 0;
    THREADS_OVER(i, size) {
        if (!belongs(cell.labels[i], region)) continue;
        n++;
        rows += i / cell.width;
        columns += i % cell.width;
    }
    block_add(&s->n, n);
    block_add(&s->rows, rows);
    block_add(&s->columns, columns);
    __syncthreads();
    if (s->n == 0) return;
    const double y0 = (double)s->rows / s->n, x0 = (double)s->columns / s->n;
    THREADS_OVER(i, size) {
        if (!belongs(cell.labels[i], region)) continue;
        const double y = fabs(i / cell.width - y0) + 0.5, x = fabs(i % cell.width - x0) + 0.5;
        atomicMax(&s->reach_bits, (unsigned long long)__double_as_longlong(y * y + x * x));
    }
    __syncthreads();
    const double radius = sqrt(__longlong_as_double((long long)s->reach_bits));
    add_moments<0, 3>(cell, region, y0, x0, 1 / radius, s);
    add_moments<3, POWERS>(cell, region, y0, x0, 1 / radius, s);
    __syncthreads();
    THREADS_OVER(k, ZERNIKE_COUNT) {
        const float *re = cell.tables + TABLE_ZERNIKE_REAL, *im = cell.tables + TABLE_ZERNIKE_IMAGINARY;
        double real = 0, imaginary = 0;
        for (int j = 0; j < POWERS * POWERS; j++) {
            real += re[k * POWERS * POWERS + j] * s->moments[j / POWERS][j % POWERS];
            imaginary += im[k * POWERS * POWERS + j] * s->moments[j / POWERS][j % POWERS];
        }
        out[k] = sqrt(real * real + imaginary * imaginary) / 3.14159265358979323846;
    }
    __syncthreads();
}

KERNEL(zernike) {
    const Cell cell = THIS_CELL;
    __shared__ ZernikeSums sums;
    zernike_magnitudes(cell, NUCLEUS, &sums, cell.out);
    __syncthreads();
    zernike_magnitudes(cell, CELL, &sums, cell.out + ZERNIKE_COUNT);
}
