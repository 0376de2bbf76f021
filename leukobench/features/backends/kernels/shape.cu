// Morphology: geometry of nucleus and cell, ratios of the two.

#define GEOMETRY 27

struct ShapeSums {
    long long moments[10];  // x^q y^p about the box's middle: 00 01 10 02 11 20 03 12 21 30 (p of rows, q of columns)
    long long straight, upright, rising, falling;  // pixels whose neighbour in that direction is in the region too
    long long euler;                               // four times the Euler number
    unsigned long long width_bits, rectangle_bits, reach_bits;  // positive doubles: their bits are in their order
};

// Of a row's pixels in the region: how many there are, and sums of their columns' powers.
__device__ inline void add_row(const long long* row, int v, long long* sums) {
    const long long w = v, values[10] = {row[0],     row[1],         w * row[0],     row[2],         w * row[1],
                                         w * w * row[0], row[3], w * row[2], w * w * row[1], w * w * w * row[0]};
    for (int k = 0; k < 10; k++) sums[k] += values[k];
}

__device__ inline bool in_row(const unsigned char* row, int width, int x, int region) {
    return row && x >= 0 && x < width && belongs(row[x], region);
}

// Contribution of a 2 x 2 window to four times the Euler number, 8-connected (Gray 1971).
__device__ inline int quad_euler(bool a, bool b, bool c, bool d) {
    const int count = a + b + c + d;
    if (count == 1) return 1;
    if (count == 3) return -1;
    return count == 2 && a == d ? -2 : 0;
}

__device__ inline void measure_hull(const int* hull, int corners, ShapeSums* shared) {
    THREADS_OVER(i, corners) {
        const int j = i + 1 < corners ? i + 1 : 0;
        const double x = hull[2 * i], y = hull[2 * i + 1], dx = hull[2 * j] - x, dy = hull[2 * j + 1] - y;
        double reach = 0, along_min = 0, along_max = 0, across_min = 0, across_max = 0;
        for (int k = 0; k < corners; k++) {
            const double u = hull[2 * k] - x, v = hull[2 * k + 1] - y;
            const double along = u * dx + v * dy, across = v * dx - u * dy;
            reach = max(reach, u * u + v * v);
            along_min = min(along_min, along);
            along_max = max(along_max, along);
            across_min = min(across_min, across);
            across_max = max(across_max, across);
        }
        const double length = sqrt(dx * dx + dy * dy), width = (across_max - across_min) / length;
        atomicMax(&shared->reach_bits, (unsigned long long)__double_as_longlong(reach));
        atomicMin(&shared->width_bits, (unsigned long long)__double_as_longlong(width));
        const double rectangle = width * (along_max - along_min) / length;
        atomicMin(&shared->rectangle_bits, (unsigned long long)__double_as_longlong(rectangle));
    }
    __syncthreads();
}

__device__ inline void hu_invariants(double n20, double n11, double n02, double n30, double n21, double n12, double n03,
                                     double* out) {
    const double p = n30 + n12, q = n21 + n03, u = n30 - 3 * n12, v = 3 * n21 - n03;
    out[0] = n20 + n02;
    out[1] = (n20 - n02) * (n20 - n02) + 4 * n11 * n11;
    out[2] = u * u + v * v;
    out[3] = p * p + q * q;
    out[4] = u * p * (p * p - 3 * q * q) + v * q * (3 * p * p - q * q);
    out[5] = (n20 - n02) * (p * p - q * q) + 4 * n11 * p * q;
    out[6] = v * p * (p * p - 3 * q * q) - u * q * (3 * p * p - q * q);
}

// The catalogue's table SHAPE in its order, from the block's sums; on one thread.
__device__ inline void write_geometry(const ShapeSums& s, Box box, const int* hull, int corners, double* out) {
    const double pi = 3.14159265358979323846;
    const double a = s.moments[0], s01 = s.moments[1], s10 = s.moments[2], s02 = s.moments[3], s11 = s.moments[4];
    const double s20 = s.moments[5], y = s10 / a, x = s01 / a;
    const double u20 = s20 - y * s10, u11 = s11 - y * s01, u02 = s02 - x * s01;
    const double u30 = s.moments[9] - 3 * y * s20 + 2 * y * y * s10;
    const double u03 = s.moments[6] - 3 * x * s02 + 2 * x * x * s01;
    const double u21 = s.moments[8] - 2 * y * s11 - x * s20 + 2 * y * y * s01;
    const double u12 = s.moments[7] - 2 * x * s11 - y * s02 + 2 * x * x * s10;
    const double trace = (u20 + u02) / a, gap = (u20 - u02) / a;
    const double spread = sqrt(4 * (u11 / a) * (u11 / a) + gap * gap);
    const double small = max((trace - spread) / 2, 0.0), large = max((trace + spread) / 2, 0.0);
    double hull_area = 0, hull_perimeter = 0;
    for (int i = 0; i < corners; i++) {
        const int j = i + 1 < corners ? i + 1 : 0;
        const double ax = hull[2 * i], ay = hull[2 * i + 1], bx = hull[2 * j], by = hull[2 * j + 1];
        hull_area += ax * by - ay * bx;
        hull_perimeter += sqrt((bx - ax) * (bx - ax) + (by - ay) * (by - ay));
    }
    hull_area = fabs(hull_area) / 2;
    const double crossings = 2 * a - s.straight - s.upright + (2 * a - s.rising - s.falling) / sqrt(2.0);
    const double perimeter = pi / 4 * crossings;
    const double reach = sqrt(__longlong_as_double((long long)s.reach_bits));
    const double width = __longlong_as_double((long long)s.width_bits);
    const double rectangle = __longlong_as_double((long long)s.rectangle_bits);
    const double bounding = (double)(box.bottom - box.top) * (box.right - box.left);
    const double values[20] = {a, bounding, hull_area, 4 * sqrt(large), 4 * sqrt(small), sqrt(ratio(small, large)),
                               sqrt(1 - ratio(small, large)), sqrt(4 * a / pi), s.euler / 4.0, a / bounding, reach,
                               width, width / reach, rectangle, a / rectangle, perimeter, hull_perimeter,
                               hull_perimeter / perimeter, a / hull_area, 4 * pi * a / (perimeter * perimeter)};
    for (int k = 0; k < 20; k++) out[k] = values[k];
    const double s2 = a * a, s3 = pow(a, 2.5);
    hu_invariants(u20 / s2, u11 / s2, u02 / s2, u30 / s3, u21 / s3, u12 / s3, u03 / s3, out + 20);
}

__device__ __noinline__ void geometry(const Cell& cell, int region, ShapeSums* shared, Box* box, double* out) {
    int *left = cell.scratch, *right = left + cell.height, *hull = right + cell.height;  // hull: 2 (2 H + 2) ints at most
    fill((long long*)shared, sizeof(ShapeSums) / sizeof(long long), 0LL);
    if (threadIdx.x == 0) shared->width_bits = shared->rectangle_bits = ~0ULL;
    row_extremes(cell, region, left, right, box);
    fill(out, GEOMETRY, NOT_A_NUMBER);
    if (box->bottom == 0) {
        if (threadIdx.x == 0) out[0] = 0;
        __syncthreads();
        return;
    }
    const int y0 = (box->top + box->bottom) / 2, x0 = (box->left + box->right) / 2;
    long long sums[15] = {0};
    ROWS_OVER(y, box->top, box->bottom + 1) {  // one more than the box each way: windows overlap its far edge
        const unsigned char* now = y < cell.height ? cell.labels + y * cell.width : nullptr;
        const unsigned char* before = y ? cell.labels + (y - 1) * cell.width : nullptr;
        long long row[4] = {0};
        int straight = 0, upright = 0, rising = 0, falling = 0, euler = 0;
        COLUMNS_OVER(x, box->left, box->right + 1) {
            const bool here = in_row(now, cell.width, x, region), above = in_row(before, cell.width, x, region);
            const bool corner = in_row(before, cell.width, x - 1, region);
            euler += quad_euler(corner, above, in_row(now, cell.width, x - 1, region), here);
            if (!here) continue;
            const long long u = x - x0;
            row[0]++;
            row[1] += u;
            row[2] += u * u;
            row[3] += u * u * u;
            straight += in_row(now, cell.width, x + 1, region);
            upright += above;
            rising += in_row(before, cell.width, x + 1, region);
            falling += corner;
        }
        add_row(row, y - y0, sums);
        sums[10] += straight;
        sums[11] += upright;
        sums[12] += rising;
        sums[13] += falling;
        sums[14] += euler;
    }
    long long* totals = (long long*)shared;
    for (int k = 0; k < 15; k++) block_add(totals + k, sums[k]);
    __shared__ int corners;
    if (threadIdx.x == 0) corners = convex_hull(left, right, *box, hull);
    __syncthreads();
    measure_hull(hull, corners, shared);
    if (threadIdx.x == 0) write_geometry(*shared, *box, hull, corners, out);
    __syncthreads();
}

KERNEL(shape) {
    const Cell cell = THIS_CELL;
    __shared__ ShapeSums shared;
    __shared__ Box box;
    double *nucleus = cell.out, *whole = cell.out + GEOMETRY, *ratios = cell.out + 2 * GEOMETRY;
    geometry(cell, NUCLEUS, &shared, &box, nucleus);
    geometry(cell, CELL, &shared, &box, whole);
    if (threadIdx.x == 0) {
        ratios[0] = whole[0] - nucleus[0];
        ratios[1] = ratio(nucleus[0], whole[0]);
        ratios[2] = ratio(nucleus[0], ratios[0]);
        ratios[3] = nucleus[2] / whole[2];
        ratios[4] = nucleus[15] / whole[15];
        ratios[5] = nucleus[10] / whole[10];
    }
}
