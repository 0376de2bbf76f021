// The cell's bounding box and one pixel around it, which is all that features of the cell depend on.

// top, left, bottom, right (the last two past the end) and the largest label of each mask; one pixel where it is empty.
extern "C" __global__ void bounds(const unsigned char* labels, const long long* offsets, const long long* shapes,
                                  int* boxes) {
    __shared__ Box box;
    __shared__ int largest;
    const unsigned char* mask = labels + offsets[blockIdx.x];
    const int height = (int)shapes[2 * blockIdx.x], width = (int)shapes[2 * blockIdx.x + 1];
    if (threadIdx.x == 0) {
        box = Box{height, width, -1, -1};
        largest = 0;
    }
    __syncthreads();
    Box mine = {height, width, -1, -1};
    int most = 0;
    ROWS_OVER(y, 0, height) {
        int seen = 0;
        COLUMNS_OVER(x, 0, width) {
            const int label = mask[y * width + x];
            if (!label) continue;
            seen = max(seen, label);
            mine.left = min(mine.left, x);
            mine.right = max(mine.right, x);
        }
        if (!seen) continue;
        most = max(most, seen);
        mine.top = min(mine.top, y);
        mine.bottom = y;
    }
    if (most) {
        atomicMin(&box.top, mine.top);
        atomicMin(&box.left, mine.left);
        atomicMax(&box.bottom, mine.bottom);
        atomicMax(&box.right, mine.right);
        atomicMax(&largest, most);
    }
    __syncthreads();
    if (threadIdx.x == 0) {
        const int values[5] = {largest ? max(box.top - 1, 0) : 0, largest ? max(box.left - 1, 0) : 0,
                               largest ? min(box.bottom + 2, height) : 1, largest ? min(box.right + 2, width) : 1, largest};
        for (int k = 0; k < 5; k++) boxes[5 * blockIdx.x + k] = values[k];
    }
}

// What lies in the boxes, side by side.
extern "C" __global__ void crop(const unsigned char* pixels, const unsigned char* labels, const long long* offsets,
                                const long long* shapes, const int* boxes, const long long* places,
                                unsigned char* cropped_pixels, unsigned char* cropped_labels) {
    const int width = (int)shapes[2 * blockIdx.x + 1], *box = boxes + 5 * blockIdx.x;
    const int rows = box[2] - box[0], columns = box[3] - box[1];
    ROWS_OVER(y, 0, rows) {
        const long long from = offsets[blockIdx.x] + (box[0] + y) * width + box[1];
        const long long to = places[blockIdx.x] + y * columns;
        COLUMNS_OVER(x, 0, columns) cropped_labels[to + x] = labels[from + x];
        COLUMNS_OVER(x, 0, 3 * columns) cropped_pixels[3 * to + x] = pixels[3 * from + x];
    }
}
