// Texture: co-occurrence inside a region and rotation-invariant uniform binary patterns.

#define LEVELS 32
#define PROPERTIES 10
#define BINS 10

__device__ inline int grey_at(const Cell& cell, int y, int x) {  // outside the image the edge is repeated
    y = min(max(y, 0), cell.height - 1);
    x = min(max(x, 0), cell.width - 1);
    return cell.scratch[y * cell.width + x];
}

__device__ inline int binary_pattern(const Cell& cell, int y, int x) {
    const int c = grey_at(cell, y, x);
    const int dy[8] = {0, -1, -1, -1, 0, 1, 1, 1}, dx[8] = {1, 1, 0, -1, -1, -1, 0, 1};
    int side[8], code = 0;
    for (int k = 0; k < 8; k++) side[k] = grey_at(cell, y + dy[k], x + dx[k]) - c;
    for (int k = 0; k < 8; k += 2) {
        code |= (side[k] >= 0) << k;
        const int diagonal = LBP_SIDE * (side[k] + side[(k + 2) % 8]) + LBP_DIAGONAL * side[k + 1];
        code |= (diagonal >= 0) << (k + 1);
    }
    return code;
}

struct GlcmSums {
    long long n, contrast, dissimilarity, squares, s1, s2, s11;
    double homogeneity, n_log_n;
};

// Sums over the upper triangle of one direction; the symmetric count stands for both orders of a pair.
__device__ inline void sum_matrix(const int* counts, GlcmSums* shared) {
    long long sums[7] = {0};
    double homogeneity = 0, n_log_n = 0;
    THREADS_OVER(k, LEVELS * LEVELS) {
        const int i = k / LEVELS, j = k % LEVELS, d = j - i;
        const long long c = (long long)counts[i * LEVELS + j] + counts[j * LEVELS + i], both = d ? 2 * c : c;
        if (d < 0 || c == 0) continue;
        sums[0] += both;
        sums[1] += both * d * d;
        sums[2] += both * d;
        sums[3] += both * c;
        sums[4] += d ? c * (i + j) : c * i;
        sums[5] += d ? c * (i * i + j * j) : c * i * i;
        sums[6] += both * i * j;
        homogeneity += both / (1.0 + d * d);
        n_log_n += (d ? 2 : 1) * (c * log((double)c));
    }
    for (int k = 0; k < 7; k++) block_add(&shared->n + k, sums[k]);
    block_add(&shared->homogeneity, homogeneity);
    block_add(&shared->n_log_n, n_log_n);
    __syncthreads();
}

__device__ inline void haralick(const GlcmSums& s, double* values) {
    if (s.n == 0) {
        for (int k = 0; k < PROPERTIES; k++) values[k] = NOT_A_NUMBER;
        return;
    }
    const double n = s.n;
    const long long spread = s.n * s.s2 - s.s1 * s.s1;
    values[0] = s.contrast / n;
    values[1] = s.dissimilarity / n;
    values[2] = s.homogeneity / n;
    values[3] = s.squares / n / n;
    values[4] = sqrt(values[3]);
    values[5] = ratio((double)(s.n * s.s11 - s.s1 * s.s1), (double)spread);
    values[6] = s.s1 / n;
    values[7] = spread / n / n;
    values[8] = sqrt(values[7]);
    values[9] = spread ? log(n) - s.n_log_n / n : 0.0;
}

// Mean and range over the directions that have a value.
__device__ inline void over_directions(const double* values, double* out) {
    THREADS_OVER(k, PROPERTIES) {
        double total = 0, low = 0, high = 0;
        int used = 0;
        for (int d = 0; d < 4; d++) {
            const double v = values[d * PROPERTIES + k];
            if (v != v) continue;
            low = used ? min(low, v) : v;
            high = used ? max(high, v) : v;
            total += v;
            used++;
        }
        out[2 * k] = used ? total / used : NOT_A_NUMBER;
        out[2 * k + 1] = used ? high - low : NOT_A_NUMBER;
    }
    __syncthreads();
}

KERNEL(texture) {
    const Cell cell = THIS_CELL;
    const float* riu2 = cell.tables + TABLE_RIU2;
    const int size = cell.height * cell.width;
    __shared__ int matrices[4 * LEVELS * LEVELS];
    __shared__ int bins[BINS];
    __shared__ int area;
    __shared__ double values[4 * PROPERTIES];
    __shared__ GlcmSums sums;
    THREADS_OVER(i, size) {
        const unsigned char* p = cell.pixels + 3 * i;
        cell.scratch[i] = (GREY_RED * p[0] + GREY_GREEN * p[1] + GREY_BLUE * p[2] + 32768) >> 16;
    }
    __syncthreads();
    const int dy[4] = {0, -1, -1, -1}, dx[4] = {1, 1, 0, -1};
    for (int half = 0; half < 2; half++) {
        const int region = half ? CYTOPLASM : NUCLEUS;
        double* out = cell.out + half * (2 * PROPERTIES + BINS);
        fill(matrices, 4 * LEVELS * LEVELS, 0);
        fill(bins, BINS, 0);
        if (threadIdx.x == 0) area = 0;
        __syncthreads();
        int pixels = 0;
        ROWS_OVER(y, 0, cell.height) COLUMNS_OVER(x, 0, cell.width) {
            const int i = y * cell.width + x;
            if (!belongs(cell.labels[i], region)) continue;
            pixels++;
            atomicAdd(&bins[(int)riu2[binary_pattern(cell, y, x)]], 1);
            const int level = cell.scratch[i] >> GLCM_SHIFT;
            for (int d = 0; d < 4; d++) {
                if (!in_region(cell, region, y + dy[d], x + dx[d])) continue;
                const int other = cell.scratch[i + dy[d] * cell.width + dx[d]] >> GLCM_SHIFT;
                atomicAdd(&matrices[(d * LEVELS + level) * LEVELS + other], 1);
            }
        }
        atomicAdd(&area, pixels);
        __syncthreads();
        for (int d = 0; d < 4; d++) {
            if (threadIdx.x == 0) sums = GlcmSums{};
            __syncthreads();
            sum_matrix(matrices + d * LEVELS * LEVELS, &sums);
            if (threadIdx.x == 0) haralick(sums, values + d * PROPERTIES);
            __syncthreads();
        }
        over_directions(values, out);
        THREADS_OVER(k, BINS) out[2 * PROPERTIES + k] = ratio(bins[k], area);
        __syncthreads();
    }
}
