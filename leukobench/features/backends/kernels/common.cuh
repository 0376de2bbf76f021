// What all kernels share: one block per cell, threads striding over its pixels.
//
// Constants in capitals that are not defined here (GREY_RED, LBP_SIDE, NO_SPREAD, ...) come from
// leukobench/features/tables.py, by way of backends/cuda.py. For tests on a machine without a GPU the same
// text is compiled for the CPU with one thread per block; only warp shuffles are left out there.

#define THREADS_OVER(i, n) for (int i = threadIdx.x; i < (n); i += blockDim.x)
// Rows over the warps of a block, and columns over the threads of a warp: neighbours are read at once, and nothing is
// divided. All threads of a warp are in the same row.
#define LANES min(32, (int)blockDim.x)
#define LANE ((int)threadIdx.x % LANES)
#define ROWS_OVER(y, first, end) for (int y = (first) + (int)threadIdx.x / LANES; y < (end); y += (int)blockDim.x / LANES)
#define COLUMNS_OVER(x, first, end) for (int x = (first) + LANE; x < (end); x += LANES)
#define NOT_A_NUMBER __longlong_as_double(0x7ff8000000000000LL)

enum Region { CELL = 0, CYTOPLASM = 1, NUCLEUS = 2, BACKGROUND = 3 };

// Every kernel takes the same arguments. From scratch_offsets[i] on 2 H W + 6 H + 4 ints belong to cell i.
#define ARGUMENTS                                                                                                     \
    (const unsigned char* pixels, const unsigned char* labels, const long long* offsets, const long long* shapes,    \
     const float* tables, int* scratch, const long long* scratch_offsets, double* out, int stride, int column)
#define KERNEL(name) extern "C" __global__ void name ARGUMENTS
// A kernel whose registers are to leave room for so many blocks on a multiprocessor: others hide what each waits for.
#define KERNEL_BESIDE(blocks, name) extern "C" __global__ void __launch_bounds__(THREADS, blocks) name ARGUMENTS
#define THIS_CELL                                                                                                     \
    Cell {                                                                                                            \
        pixels + 3 * offsets[blockIdx.x], labels + offsets[blockIdx.x], (int)shapes[2 * blockIdx.x],                  \
            (int)shapes[2 * blockIdx.x + 1], tables, scratch + scratch_offsets[blockIdx.x],                           \
            out + (long long)blockIdx.x * stride + column                                                             \
    }

struct Cell {
    const unsigned char* pixels;
    const unsigned char* labels;
    int height, width;
    const float* tables;
    int* scratch;
    double* out;
};

struct Box {
    int top, left, bottom, right;  // the last two past the end
};

__device__ inline bool belongs(int label, int region) {
    if (region == CELL) return label > 0;
    if (region == BACKGROUND) return label == 0;
    return label == region;
}

__device__ inline bool in_region(const Cell& cell, int region, int y, int x) {
    return y >= 0 && x >= 0 && y < cell.height && x < cell.width && belongs(cell.labels[y * cell.width + x], region);
}

__device__ inline double ratio(double a, double b) { return b != 0 ? a / b : NOT_A_NUMBER; }

// Sum over the block: a shuffle inside each warp, then one atomic addition per warp. All threads must take part.
template <typename T> __device__ inline T warp_sum(T value) {
#ifdef __CUDA_ARCH__
    for (int step = 16; step; step >>= 1) value += __shfl_down_sync(0xffffffffu, value, step);
#endif
    return value;
}

// Least and greatest of a warp, which its first thread is told.
__device__ inline int warp_min(int value) {
#ifdef __CUDA_ARCH__
    for (int step = 16; step; step >>= 1) value = min(value, __shfl_down_sync(0xffffffffu, value, step));
#endif
    return value;
}

__device__ inline int warp_max(int value) { return -warp_min(-value); }

__device__ inline void block_add(double* total, double value) {
    value = warp_sum(value);
    if (threadIdx.x % 32 == 0) atomicAdd(total, value);
}

__device__ inline void block_add(long long* total, long long value) {
    value = warp_sum(value);
    if (threadIdx.x % 32 == 0) atomicAdd((unsigned long long*)total, (unsigned long long)value);
}

template <typename T> __device__ inline void fill(T* values, int n, T value) {
    THREADS_OVER(i, n) values[i] = value;
    __syncthreads();
}

// First and last column of the region in each row (left > right where it has none), and its bounding box.
__device__ inline void row_extremes(const Cell& cell, int region, int* left, int* right, Box* box) {
    if (threadIdx.x == 0) *box = Box{cell.height, cell.width, 0, 0};
    __syncthreads();
    ROWS_OVER(y, 0, cell.height) {
        int first = cell.width, last = -1;
        COLUMNS_OVER(x, 0, cell.width) {
            if (!belongs(cell.labels[y * cell.width + x], region)) continue;
            first = min(first, x);
            last = x;
        }
        first = warp_min(first);
        last = warp_max(last);
        if (LANE) continue;
        left[y] = first;
        right[y] = last;
        if (last < 0) continue;
        atomicMin(&box->top, y);
        atomicMax(&box->bottom, y + 1);
        atomicMin(&box->left, first);
        atomicMax(&box->right, last + 1);
    }
    __syncthreads();
}

__device__ inline int push_corner(int* hull, int base, int k, long long x, long long y) {
    while (k - base >= 2) {
        const long long ax = hull[2 * k - 4], ay = hull[2 * k - 3], bx = hull[2 * k - 2], by = hull[2 * k - 1];
        if ((bx - ax) * (y - ay) - (by - ay) * (x - ax) < 0) break;
        k--;
    }
    hull[2 * k] = (int)x;
    hull[2 * k + 1] = (int)y;
    return k + 1;
}

// Hull of the pixel corners by one monotone chain per side, on one thread; returns the number of corners (x, y).
__device__ inline int convex_hull(const int* left, const int* right, Box box, int* hull) {
    int k = 0;
    for (int y = box.top; y <= box.bottom; y++) {
        int x = 1 << 30;
        if (y > box.top) x = min(x, left[y - 1]);
        if (y < box.bottom) x = min(x, left[y]);
        if (y > box.top && right[y - 1] < 0 && (y == box.bottom || right[y] < 0)) continue;
        k = push_corner(hull, 0, k, x, y);
    }
    const int base = k;
    for (int y = box.bottom; y >= box.top; y--) {
        int x = -1;
        if (y > box.top) x = max(x, right[y - 1]);
        if (y < box.bottom) x = max(x, right[y]);
        if (x >= 0) k = push_corner(hull, base, k, x + 1, y);
    }
    return k;
}
