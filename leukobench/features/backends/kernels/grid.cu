// Granulometry and Gabor energies on a grid of fixed size over the cell's bounding square.

#define CELLS (GRID * GRID)
#define HALF (GRID / 2 + 1)
#define FILTERS (WAVELENGTHS * ORIENTATIONS)
#define INFINITE __int_as_float(0x7f800000)

struct GridSums {
    long long n;
    double total, square, opened[GRANULE_STEPS + 1], passed[FILTERS];
};

// Length that [start, start + length) shares with [other, other + step), counted in 1 / (2 GRID) of a pixel.
__device__ inline long long overlap(long long start, long long length, long long other, long long step) {
    return max(min(start + length, other + step) - max(start, other), 0LL);
}

// Mean grey of the region in one cell of the grid, NaN unless the region fills more than half of it.
__device__ inline double grid_grey(const Cell& cell, int region, Box box, int row, int column) {
    const int side = max(box.bottom - box.top, box.right - box.left), unit = 2 * GRID, step = 2 * side;
    const long long y0 = (long long)GRID * (box.top + box.bottom - side) + (long long)row * step;
    const long long x0 = (long long)GRID * (box.left + box.right - side) + (long long)column * step;
    const int top = (int)max(y0 / unit, (long long)box.top), left = (int)max(x0 / unit, (long long)box.left);
    const int bottom = (int)min((y0 + step + unit - 1) / unit, (long long)box.bottom);
    const int right = (int)min((x0 + step + unit - 1) / unit, (long long)box.right);
    long long total = 0, covered = 0;
    for (int y = top; y < bottom; y++) {
        const long long down = overlap((long long)unit * y, unit, y0, step);
        for (int x = left; x < right; x++) {
            const int i = y * cell.width + x;
            if (!belongs(cell.labels[i], region)) continue;
            const unsigned char* p = cell.pixels + 3 * i;
            const long long share = down * overlap((long long)unit * x, unit, x0, step);
            covered += share;
            total += share * ((GREY_RED * p[0] + GREY_GREEN * p[1] + GREY_BLUE * p[2] + 32768) >> 16);
        }
    }
    return 2 * covered > 4LL * side * side ? (double)total / covered : NOT_A_NUMBER;
}

// Deviations from the mean into `values`, in standard deviations; zero outside. Returns the number of cells inside.
__device__ __noinline__ long long standardise(const Cell& cell, int region, Box box, float* values, bool* inside,
                                              GridSums* s) {
    fill((long long*)s, sizeof(GridSums) / sizeof(long long), 0LL);
    long long n = 0;
    double total = 0, square = 0;
    THREADS_OVER(i, CELLS) {
        const double grey = grid_grey(cell, region, box, i / GRID, i % GRID);
        inside[i] = grey == grey;
        values[i] = inside[i] ? (float)grey : 0.0f;
        n += inside[i];
        total += inside[i] ? grey : 0.0;
    }
    block_add(&s->n, n);
    block_add(&s->total, total);
    __syncthreads();
    const double mean = s->n ? s->total / s->n : 0.0;
    THREADS_OVER(i, CELLS) {
        if (inside[i]) square += (values[i] - mean) * (values[i] - mean);
    }
    block_add(&s->square, square);
    __syncthreads();
    const double std = s->n ? sqrt(s->square / s->n) : 0.0;
    if (std < 255 * NO_SPREAD) return 0;
    THREADS_OVER(i, CELLS) values[i] = inside[i] ? (float)((values[i] - mean) / std) : 0.0f;
    __syncthreads();
    return s->n;
}

// Smallest of 3 x 3, in place; nothing lies around the grid.
__device__ inline void erode(float* values, float* room) {
    THREADS_OVER(i, CELLS) {
        const int x = i % GRID;
        room[i] = min(values[i], min(x ? values[i - 1] : values[i], x < GRID - 1 ? values[i + 1] : values[i]));
    }
    __syncthreads();
    THREADS_OVER(i, CELLS) {
        const float above = i >= GRID ? room[i - GRID] : room[i];
        values[i] = min(room[i], min(above, i < CELLS - GRID ? room[i + GRID] : room[i]));
    }
    __syncthreads();
}

// Mean loss from one opening of sign * values to the next. A dilation is the erosion of the negative.
__device__ __noinline__ void granules(const float* values, const bool* inside, float sign, float* eroded, float* opened,
                                      float* room, GridSums* s, double* out) {
    fill(s->opened, GRANULE_STEPS + 1, 0.0);
    double total = 0;
    THREADS_OVER(i, CELLS) {
        eroded[i] = inside[i] ? sign * values[i] : INFINITE;
        total += sign * values[i];
    }
    block_add(&s->opened[0], total);
    __syncthreads();
    for (int k = 1; k <= GRANULE_STEPS; k++) {
        erode(eroded, room);
        THREADS_OVER(i, CELLS) opened[i] = inside[i] ? -eroded[i] : INFINITE;
        __syncthreads();
        for (int j = 0; j < k; j++) erode(opened, room);
        total = 0;
        THREADS_OVER(i, CELLS) total -= inside[i] ? opened[i] : 0.0f;
        block_add(&s->opened[k], total);
        __syncthreads();
    }
    THREADS_OVER(k, GRANULE_STEPS) out[k] = (s->opened[k] - s->opened[k + 1]) / s->n;
    __syncthreads();
}

// Share of power that each filter passes. `real` and `imaginary` are room for the rows' transforms.
__device__ __noinline__ void gabor(const Cell& cell, const float* values, float* real, float* imaginary, GridSums* s,
                                   double* out) {
    const float *cosine = cell.tables + TABLE_COSINE, *sine = cell.tables + TABLE_SINE;
    const float* weights = cell.tables + TABLE_GABOR;
    THREADS_OVER(i, GRID * HALF) {
        double re = 0, im = 0;
        for (int x = 0; x < GRID; x++) {
            const double value = values[i / HALF * GRID + x];
            re += value * cosine[i % HALF * x % GRID];
            im -= value * sine[i % HALF * x % GRID];
        }
        real[i] = (float)re;
        imaginary[i] = (float)im;
    }
    __syncthreads();
    double passed[FILTERS] = {0};
    THREADS_OVER(i, GRID * HALF) {
        const int v = i / HALF, u = i % HALF;
        double re = 0, im = 0;
        for (int y = 0; y < GRID; y++) {
            const double c = cosine[v * y % GRID], d = sine[v * y % GRID];
            re += c * real[y * HALF + u] + d * imaginary[y * HALF + u];
            im += c * imaginary[y * HALF + u] - d * real[y * HALF + u];
        }
        for (int k = 0; k < FILTERS; k++) passed[k] += (re * re + im * im) * weights[k * GRID * HALF + i];
    }
    for (int k = 0; k < FILTERS; k++) block_add(&s->passed[k], passed[k]);
    __syncthreads();
    THREADS_OVER(k, WAVELENGTHS) {
        const double whole = (double)CELLS * s->n, *of = s->passed + k * ORIENTATIONS;
        double sum = 0, low = of[0], high = of[0];
        for (int d = 0; d < ORIENTATIONS; d++) {
            sum += of[d];
            low = min(low, of[d]);
            high = max(high, of[d]);
        }
        out[2 * k] = sum / ORIENTATIONS / whole;
        out[2 * k + 1] = (high - low) / whole;
    }
    __syncthreads();
}

KERNEL(grid) {
    const Cell cell = THIS_CELL;
    const int columns = 2 * GRANULE_STEPS + 2 * WAVELENGTHS;
    __shared__ float values[CELLS], first[CELLS], second[CELLS], room[CELLS];  // HALF < GRID: spectra fit as well
    __shared__ bool inside[CELLS];
    __shared__ GridSums sums;
    __shared__ Box box;
    fill(cell.out, 2 * columns, NOT_A_NUMBER);
    row_extremes(cell, CELL, cell.scratch, cell.scratch + cell.height, &box);
    if (box.bottom == 0) return;
    for (int half = 0; half < 2; half++) {
        double* out = cell.out + half * columns;
        const long long n = standardise(cell, half ? CYTOPLASM : NUCLEUS, box, values, inside, &sums);
        if (n) {
            granules(values, inside, 1.0f, first, second, room, &sums, out);
            granules(values, inside, -1.0f, first, second, room, &sums, out + GRANULE_STEPS);
            gabor(cell, values, first, second, &sums, out + 2 * GRANULE_STEPS);
        }
        __syncthreads();
    }
}
