// Exact distance transforms, components and lobes, centroids.

struct DistanceSums {
    long long n, rows, columns, squares;
    double total;
    int deepest, roots;
};

// Squared distance of every pixel of the region to the nearest pixel outside, into `squared`; zero outside.
__device__ inline void squared_distance(const Cell& cell, int region, int* column, int* squared) {
    const int height = cell.height, width = cell.width;
    THREADS_OVER(x, width) {
        int run = 0;
        for (int y = 0; y < height; y++) {
            run = belongs(cell.labels[y * width + x], region) ? run + 1 : 0;
            column[y * width + x] = run;
        }
        run = 0;
        for (int y = height - 1; y >= 0; y--) {
            run = column[y * width + x] ? run + 1 : 0;
            column[y * width + x] = min(column[y * width + x], run);
        }
    }
    __syncthreads();
    THREADS_OVER(i, height * width) {
        const int x = i % width;
        int best = column[i] * column[i];
        for (int step = 1; step * step < best; step++) {
            const int before = x >= step ? column[i - step] : 0, after = x + step < width ? column[i + step] : 0;
            const int nearer = min(before, after);
            best = min(best, step * step + nearer * nearer);
        }
        squared[i] = best;
    }
    __syncthreads();
}

__device__ inline int root_of(const int* parent, int i) {
    while (parent[i] != i) i = parent[i];
    return i;
}

__device__ inline void unite(int* parent, int a, int b) {
    while (true) {
        a = root_of(parent, a);
        b = root_of(parent, b);
        if (a == b) return;
        if (a < b) {
            const int swap = a;
            a = b;
            b = swap;
        }
        const int before = atomicMin(&parent[a], b);  // another thread may have been first: then go on from there
        if (before == a) return;
        a = before;
    }
}

// Number of 8-connected components of {4 squared > threshold}, by union of neighbours; roots remain their own parents.
__device__ __noinline__ int components(const Cell& cell, const int* squared, int threshold, int* parent, int* roots) {
    const int size = cell.height * cell.width;
    const int dy[4] = {0, -1, -1, -1}, dx[4] = {-1, -1, 0, 1};
    if (threadIdx.x == 0) *roots = 0;
    THREADS_OVER(i, size) parent[i] = i;
    __syncthreads();
    THREADS_OVER(i, size) {
        if (4 * squared[i] <= threshold) continue;
        for (int k = 0; k < 4; k++) {
            const int y = i / cell.width + dy[k], x = i % cell.width + dx[k];
            if (y < 0 || x < 0 || x >= cell.width) continue;
            if (4 * squared[y * cell.width + x] > threshold) unite(parent, i, y * cell.width + x);
        }
    }
    __syncthreads();
    THREADS_OVER(i, size) {
        if (4 * squared[i] > threshold && parent[i] == i) atomicAdd(roots, 1);
    }
    __syncthreads();
    return *roots;
}

// Sums of the region; distances into out[0..3) where there is a region at all.
__device__ __noinline__ void summarise(const Cell& cell, int region, int* column, int* squared, DistanceSums* s, double* out) {
    if (threadIdx.x == 0) *s = DistanceSums{};
    fill(out, 3, NOT_A_NUMBER);
    squared_distance(cell, region, column, squared);
    long long n = 0, rows = 0, columns = 0, squares = 0;
    double total = 0;
    THREADS_OVER(i, cell.height * cell.width) {
        if (squared[i] == 0) continue;
        n++;
        rows += i / cell.width;
        columns += i % cell.width;
        squares += squared[i];
        total += sqrt((double)squared[i]);
        atomicMax(&s->deepest, squared[i]);
    }
    block_add(&s->n, n);
    block_add(&s->rows, rows);
    block_add(&s->columns, columns);
    block_add(&s->squares, squares);
    block_add(&s->total, total);
    __syncthreads();
    if (threadIdx.x == 0 && s->n) {
        const double mean = s->total / s->n;
        out[0] = sqrt((double)s->deepest);
        out[1] = mean;
        out[2] = sqrt(max((double)s->squares / s->n - mean * mean, 0.0));
    }
    __syncthreads();
}

KERNEL(distance) {
    const Cell cell = THIS_CELL;
    const int size = cell.height * cell.width;
    int *depth = cell.scratch, *squared = cell.scratch + size;
    __shared__ DistanceSums nucleus, whole;
    fill(cell.out + 3, 2, NOT_A_NUMBER);
    fill(cell.out + 8, 2, NOT_A_NUMBER);
    summarise(cell, NUCLEUS, depth, squared, &nucleus, cell.out);
    if (nucleus.n) {
        const int pieces = components(cell, squared, 0, depth, &nucleus.roots);
        __syncthreads();
        const int lobes = components(cell, squared, nucleus.deepest, depth, &nucleus.roots);
        if (threadIdx.x == 0) {
            cell.out[3] = pieces;
            cell.out[4] = lobes;
        }
        __syncthreads();
    }
    summarise(cell, CELL, depth, squared, &whole, cell.out + 5);
    if (threadIdx.x == 0 && nucleus.n) {
        const double dy = (double)nucleus.rows / nucleus.n - (double)whole.rows / whole.n;
        const double dx = (double)nucleus.columns / nucleus.n - (double)whole.columns / whole.n;
        cell.out[8] = sqrt(dy * dy + dx * dx);
        cell.out[9] = cell.out[8] / sqrt(4 * whole.n / 3.14159265358979323846);
    }
}
