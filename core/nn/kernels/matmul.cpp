#include "core/nn/kernels/matmul.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <unordered_map>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

#ifdef ATTUNE_HAVE_DNNL
#include <omp.h>
#include <oneapi/dnnl/dnnl.hpp>
#endif

namespace attune::kernels {

namespace {

at::Tensor asTensor(const MatrixRef& m) {
    return at::from_blob(m.data, {m.rows, m.columns}, {m.rowStride, m.columnStride}, at::TensorOptions().dtype(m.type));
}

MatrixRef asMatrix(const at::Tensor& t) {
    return {t.data_ptr(), t.size(0), t.size(1), t.stride(0), t.stride(1), t.scalar_type()};
}

void multiplyWithAten(at::Tensor c, const at::Tensor& a, const at::Tensor& b, bool accumulate, const at::Tensor& bias) {
    at::NoGradGuard noGrad;
    const bool sameType = c.scalar_type() == a.scalar_type();
    if (accumulate && sameType) {
        c.addmm_(a, b);
        if (bias.defined())
            c.add_(bias);
        return;
    }
    at::Tensor product = bias.defined() ? at::addmm(bias, a, b) : at::mm(a, b);
    if (accumulate)
        c.add_(product);
    else
        c.copy_(product);
}

#ifdef ATTUNE_HAVE_DNNL

using dnnl::memory;

struct Key {
    std::array<std::int64_t, 9> sizes; // M, N, K and two strides each
    std::int64_t addendStride;         // 0 = none
    std::array<std::int32_t, 6> kinds; // types, accumulate, bias, threads
    bool operator==(const Key&) const = default;
};

struct KeyHash {
    std::size_t operator()(const Key& key) const {
        std::uint64_t hash = 1469598103934665603ull;
        for (const std::int64_t value : key.sizes)
            hash = (hash ^ static_cast<std::uint64_t>(value)) * 1099511628211ull;
        hash = (hash ^ static_cast<std::uint64_t>(key.addendStride)) * 1099511628211ull;
        for (const std::int32_t value : key.kinds)
            hash = (hash ^ static_cast<std::uint64_t>(value)) * 1099511628211ull;
        return static_cast<std::size_t>(hash ^ (hash >> 29));
    }
};

struct Product {
    dnnl::matmul primitive;
    memory a, b, c, bias, addend;
    std::unordered_map<int, memory> arguments;
};

dnnl::engine& cpuEngine() {
    static dnnl::engine engine(dnnl::engine::kind::cpu, 0);
    return engine;
}

memory::data_type dnnlType(at::ScalarType type) {
    return type == at::kBFloat16 ? memory::data_type::bf16 : memory::data_type::f32;
}

bool dnnlSupports(at::ScalarType type) {
    return type == at::kFloat || type == at::kBFloat16;
}

// oneDNN fixes the number of threads when a primitive is made and counts OpenMP's, which inside at::parallel_for would
// still be all of them.
class SingleThreadHere {
public:
    explicit SingleThreadHere(bool active) : m_before(active ? omp_get_max_threads() : 0) {
        if (active && m_before != 1)
            omp_set_num_threads(1);
    }
    ~SingleThreadHere() {
        if (m_before > 1)
            omp_set_num_threads(m_before);
    }

private:
    int m_before;
};

Product makeProduct(const MatrixRef& c, const MatrixRef& a, const MatrixRef& b, bool accumulate, bool withBias,
                    std::int64_t addendStride) {
    const auto describe = [](const MatrixRef& m) {
        return memory::desc({m.rows, m.columns}, dnnlType(m.type), memory::dims{m.rowStride, m.columnStride});
    };
    const memory::desc da = describe(a), db = describe(b), dc = describe(c);
    const memory::desc dbias =
        withBias ? memory::desc({1, c.columns}, dnnlType(a.type), memory::dims{c.columns, 1}) : memory::desc();
    const memory::desc daddend =
        addendStride > 0 ? memory::desc({c.rows, c.columns}, dnnlType(c.type), memory::dims{addendStride, 1})
                         : memory::desc();
    dnnl::primitive_attr attributes;
    dnnl::post_ops operations;
    if (accumulate)
        operations.append_sum(1.0f);
    if (addendStride > 0)
        operations.append_binary(dnnl::algorithm::binary_add, daddend);
    attributes.set_post_ops(operations);
#if DNNL_VERSION_MAJOR >= 3
    const dnnl::matmul::primitive_desc description =
        withBias ? dnnl::matmul::primitive_desc(cpuEngine(), da, db, dbias, dc, attributes)
                 : dnnl::matmul::primitive_desc(cpuEngine(), da, db, dc, attributes);
#else
    const dnnl::matmul::desc operation =
        withBias ? dnnl::matmul::desc(da, db, dbias, dc) : dnnl::matmul::desc(da, db, dc);
    const dnnl::matmul::primitive_desc description(operation, attributes, cpuEngine());
#endif
    Product product{dnnl::matmul(description),
                    memory(da, cpuEngine(), nullptr),
                    memory(db, cpuEngine(), nullptr),
                    memory(dc, cpuEngine(), nullptr),
                    {},
                    {},
                    {}};
    product.arguments = {{DNNL_ARG_SRC, product.a}, {DNNL_ARG_WEIGHTS, product.b}, {DNNL_ARG_DST, product.c}};
    if (withBias) {
        product.bias = memory(dbias, cpuEngine(), nullptr);
        product.arguments.emplace(DNNL_ARG_BIAS, product.bias);
    }
    if (addendStride > 0) {
        product.addend = memory(daddend, cpuEngine(), nullptr);
        product.arguments.emplace(DNNL_ARG_ATTR_MULTIPLE_POST_OP(accumulate ? 1 : 0) | DNNL_ARG_SRC_1, product.addend);
    }
    return product;
}

void multiplyWithDnnl(const MatrixRef& c, const MatrixRef& a, const MatrixRef& b, bool accumulate, void* bias,
                      const MatrixRef& addend = {}) {
    static thread_local dnnl::stream stream(cpuEngine());
    static thread_local std::unordered_map<Key, Product, KeyHash> products;
    constexpr std::size_t kMostProducts = 4096; // packed rows bring new shapes for ever; a full cache starts over
    const bool alone = at::in_parallel_region();
    const SingleThreadHere guard(alone);
    const Key key{{c.rows, c.columns, a.columns, a.rowStride, a.columnStride, b.rowStride, b.columnStride, c.rowStride,
                   c.columnStride},
                  addend.data ? addend.rowStride : 0,
                  {static_cast<std::int32_t>(a.type), static_cast<std::int32_t>(b.type),
                   static_cast<std::int32_t>(c.type), accumulate, bias != nullptr, alone ? 1 : omp_get_max_threads()}};
    auto found = products.find(key);
    if (found == products.end()) {
        if (products.size() >= kMostProducts)
            products.clear();
        found = products.emplace(key, makeProduct(c, a, b, accumulate, bias != nullptr, key.addendStride)).first;
    }
    Product& product = found->second;
    product.a.set_data_handle(a.data);
    product.b.set_data_handle(b.data);
    product.c.set_data_handle(c.data);
    if (bias)
        product.bias.set_data_handle(bias);
    if (addend.data)
        product.addend.set_data_handle(addend.data);
    product.primitive.execute(stream, product.arguments);
}

MatrixRef part(const MatrixRef& m, std::int64_t row, std::int64_t rows, std::int64_t column, std::int64_t columns) {
    const std::int64_t offset = row * m.rowStride + column * m.columnStride;
    return {static_cast<char*>(m.data) + offset * static_cast<std::int64_t>(c10::elementSize(m.type)),
            rows, columns, m.rowStride, m.columnStride, m.type};
}

// How a product is cut for the threads: each computes its part of c by itself. The library's own division makes threads
// wait for each other (measured in RESULTS.md).
struct Grid {
    std::int64_t rows = 1, columns = 1;
};

Grid gridFor(const MatrixRef& c, std::int64_t inner) {
    constexpr std::int64_t kSmallWork = 1 << 21, kFewestRows = 32, kFewestColumns = 64, kLongInner = 16384;
    const std::int64_t threads = at::get_num_threads();
    if (threads == 1 || at::in_parallel_region() || c.rows * c.columns * inner < kSmallWork)
        return {};
    // With a long inner dimension the second matrix is the large one: no two threads should read the same of it.
    const std::int64_t wantedRows = inner >= kLongInner ? 1 : std::max(std::int64_t{1}, c.rows / kFewestRows);
    for (std::int64_t rows = std::min(threads, wantedRows); rows >= 1; --rows)
        if (threads % rows == 0 && c.columns / (threads / rows) >= kFewestColumns)
            return {rows, threads / rows};
    return {};
}

// Where piece `index` of `pieces` begins, in whole groups of 16.
std::int64_t pieceBegin(std::int64_t total, std::int64_t pieces, std::int64_t index) {
    return index == pieces ? total : total * index / pieces / 16 * 16;
}

void multiplyShared(const MatrixRef& c, const MatrixRef& a, const MatrixRef& b, bool accumulate, void* bias,
                    const MatrixRef& addend = {}) {
    const Grid grid = gridFor(c, a.columns);
    const std::int64_t pieces = grid.rows * grid.columns;
    if (pieces == 1)
        return multiplyWithDnnl(c, a, b, accumulate, bias, addend);
    at::parallel_for(0, pieces, 1, [&](std::int64_t begin, std::int64_t end) {
        for (; begin < end; ++begin) {
            const std::int64_t i = begin / grid.columns, j = begin % grid.columns;
            const std::int64_t row = pieceBegin(c.rows, grid.rows, i), column = pieceBegin(c.columns, grid.columns, j);
            const std::int64_t rows = pieceBegin(c.rows, grid.rows, i + 1) - row,
                               columns = pieceBegin(c.columns, grid.columns, j + 1) - column;
            void* biasHere = bias ? static_cast<char*>(bias) +
                                        column * static_cast<std::int64_t>(c10::elementSize(a.type))
                                  : nullptr;
            multiplyWithDnnl(part(c, row, rows, column, columns), part(a, row, rows, 0, a.columns),
                             part(b, 0, b.rows, column, columns), accumulate, biasHere,
                             addend.data ? part(addend, row, rows, column, columns) : MatrixRef{});
        }
    });
}

#endif

} // namespace

void multiply(const MatrixRef& c, const MatrixRef& a, const MatrixRef& b, bool accumulate) {
    if (c.rows == 0 || c.columns == 0)
        return;
#ifdef ATTUNE_HAVE_DNNL
    if (dnnlSupports(a.type) && dnnlSupports(c.type))
        return multiplyShared(c, a, b, accumulate, nullptr);
#endif
    multiplyWithAten(asTensor(c), asTensor(a), asTensor(b), accumulate, {});
}

void multiply(const at::Tensor& c, const at::Tensor& a, const at::Tensor& b, bool accumulate, const at::Tensor& bias) {
    if (c.numel() == 0)
        return;
#ifdef ATTUNE_HAVE_DNNL
    if (c.is_cpu() && dnnlSupports(a.scalar_type()) && dnnlSupports(c.scalar_type()))
        return multiplyShared(asMatrix(c), asMatrix(a), asMatrix(b), accumulate,
                              bias.defined() ? bias.data_ptr() : nullptr);
#endif
    multiplyWithAten(c, a, b, accumulate, bias);
}

void multiplyAdd(const at::Tensor& c, const at::Tensor& a, const at::Tensor& b, const at::Tensor& addend,
                 const at::Tensor& bias) {
    if (c.numel() == 0)
        return;
#ifdef ATTUNE_HAVE_DNNL
    if (c.is_cpu() && dnnlSupports(a.scalar_type()) && dnnlSupports(c.scalar_type()) && addend.stride(1) == 1)
        return multiplyShared(asMatrix(c), asMatrix(a), asMatrix(b), false, bias.defined() ? bias.data_ptr() : nullptr,
                              asMatrix(addend));
#endif
    at::Tensor(c).copy_(addend);
    multiplyWithAten(c, a, b, true, bias);
}

} // namespace attune::kernels
