// Tavakoli's colour ratios: nucleus, and hull without nucleus, over the hull of the nucleus. After colour.cu.

// Means in bytes as OpenCV codes them, from the twelve channels of `convert` with hue in [0, 1).
__device__ inline void opencv_channels(const unsigned char* p, const float* tables, double* v) {
    float c[CHANNELS];
    convert(p[0], p[1], p[2], 0.5f, tables, c);
    const bool grey = p[0] == p[1] && p[1] == p[2];
    const double luma = 0.299 * p[0] + 0.587 * p[1] + 0.114 * p[2];
    const double values[CHANNELS] = {(double)p[0], (double)p[1], (double)p[2], grey ? 0.0 : 180.0 * (c[HUE] + 0.5),
                                     255.0 * c[4], 255.0 * c[5], 255.0 * c[LIGHT], 100.0 * c[LIGHT + 1] + 128,
                                     100.0 * c[LIGHT + 2] + 128, luma, (p[0] - luma) * 0.713 + 128,
                                     (p[2] - luma) * 0.564 + 128};
    for (int k = 0; k < CHANNELS; k++) v[k] = values[k];
}

struct HullSums {
    long long n[2];
    double sums[2][CHANNELS][2];  // nucleus, around; channel; first and second power about the shift
};

// Below this a mean or a standard deviation of channel k counts as zero.
__device__ inline double byte_least(int k) { return k == LIGHT + 1 || k == LIGHT + 2 ? 100 * NO_CHROMA : 255 * NO_SPREAD; }

__device__ inline double byte_std(double first, double second, double n, double least) {
    if (n == 0) return NOT_A_NUMBER;
    const double std = sqrt(max(second / n - (first / n) * (first / n), 0.0));
    return std < least ? 0.0 : std;
}

__device__ inline double byte_mean(double first, double shift, double n, double least) {
    if (n == 0) return NOT_A_NUMBER;
    const double mean = shift + first / n;
    return fabs(mean) < least ? 0.0 : mean;
}

__device__ inline long long floor_divide(long long a, long long b) { return a >= 0 ? a / b : -((-a + b - 1) / b); }

// Columns [start, end) of the pixels whose centre lies in the hull, in exact integers; on one thread.
__device__ inline void hull_rows(const int* hull, int corners, int* start, int* end) {
    for (int i = 0; i < corners; i++) {
        const int j = i + 1 < corners ? i + 1 : 0;
        const long long ax = hull[2 * i], ay = hull[2 * i + 1], bx = hull[2 * j], by = hull[2 * j + 1];
        const long long rise = by > ay ? by - ay : ay - by, sign = by > ay ? 1 : -1;
        for (long long row = min(ay, by); row < max(ay, by); row++) {
            const long long c = (2 * row + 1 - 2 * ay) * (bx - ax) * sign + (2 * ax - 1) * rise;
            if (by > ay) {
                start[row] = (int)-floor_divide(-c, 2 * rise);
            } else {
                end[row] = (int)floor_divide(c, 2 * rise) + 1;
            }
        }
    }
}

KERNEL(hull) {
    const Cell cell = THIS_CELL;
    __shared__ HullSums s;
    __shared__ Box box;
    int *left = cell.scratch, *right = left + cell.height, *corners = right + cell.height;
    fill((long long*)&s, sizeof(HullSums) / sizeof(long long), 0LL);
    fill(cell.out, 4 * CHANNELS, NOT_A_NUMBER);
    row_extremes(cell, NUCLEUS, left, right, &box);
    if (box.bottom == 0) return;
    double shift[CHANNELS], v[CHANNELS];
    const int first = box.top * cell.width + left[box.top];  // any pixel of the nucleus will do
    opencv_channels(cell.pixels + 3 * first, cell.tables, shift);
    __syncthreads();
    if (threadIdx.x == 0) {
        const int k = convex_hull(left, right, box, corners);
        hull_rows(corners, k, left, right);  // the extremes have served
    }
    __syncthreads();
    double sums[2][CHANNELS][2] = {{{0}}};
    long long n[2] = {0};
    THREADS_OVER(i, (box.bottom - box.top) * cell.width) {
        const int y = box.top + i / cell.width, x = i % cell.width, p = y * cell.width + x;
        if (x < left[y] || x >= right[y]) continue;
        const int around = cell.labels[p] != NUCLEUS;
        opencv_channels(cell.pixels + 3 * p, cell.tables, v);
        n[around]++;
        for (int k = 0; k < CHANNELS; k++) {
            const double d = v[k] - shift[k];
            sums[around][k][0] += d;
            sums[around][k][1] += d * d;
        }
    }
    for (int part = 0; part < 2; part++) {
        block_add(&s.n[part], n[part]);
        for (int k = 0; k < 2 * CHANNELS; k++) block_add(&s.sums[part][k / 2][k % 2], sums[part][k / 2][k % 2]);
    }
    __syncthreads();
    THREADS_OVER(k, CHANNELS) {
        const double whole = (double)(s.n[0] + s.n[1]), least = byte_least(k);
        const double a = s.sums[0][k][0] + s.sums[1][k][0], b = s.sums[0][k][1] + s.sums[1][k][1];
        for (int part = 0; part < 2; part++) {
            const double* t = s.sums[part][k];
            double* out = cell.out + 2 * CHANNELS * part + 2 * k;
            const double m = (double)s.n[part];
            out[0] = ratio(byte_mean(t[0], shift[k], m, least), byte_mean(a, shift[k], whole, least));
            out[1] = ratio(byte_std(t[0], t[1], m, least), byte_std(a, b, whole, least));
        }
    }
}
