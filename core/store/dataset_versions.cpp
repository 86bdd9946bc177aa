// DatasetStore's frozen versions and the engine's view of them.
#include <utility>

#include <xxhash.h>

#include "core/store/connection.h"
#include "core/store/database.h"
#include "core/store/dataset_store.h"
#include "core/store/sample_codec.h"
#include "core/store/sample_rows.h"

namespace attune {

namespace {

constexpr const char* kVersionColumns =
    "SELECT id,dataset_id,number,hash,note,created,rows_none,rows_train,rows_validation,rows_test FROM versions";

DatasetVersion readVersion(const Query& query) {
    DatasetVersion version;
    version.id = query.integer(0);
    version.datasetId = query.integer(1);
    version.number = static_cast<int>(query.integer(2));
    version.hash = query.text(3);
    version.note = query.text(4);
    version.created = query.integer(5);
    for (int i = 0; i < 4; ++i)
        version.bySplit[static_cast<std::size_t>(i)] = query.integer(6 + i);
    return version;
}

// The hash of the dataset as it stands: content hash and split of each row, in order.
class VersionHash {
public:
    VersionHash() : m_state(XXH3_createState()) { XXH3_128bits_reset(m_state); }
    ~VersionHash() { XXH3_freeState(m_state); }
    VersionHash(const VersionHash&) = delete;
    VersionHash& operator=(const VersionHash&) = delete;
    void add(const ContentHash& content, std::uint8_t split) {
        XXH3_128bits_update(m_state, content.data(), content.size());
        XXH3_128bits_update(m_state, &split, 1);
    }
    std::string hex() const {
        XXH128_canonical_t canonical;
        XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(m_state));
        ContentHash bytes;
        std::copy(std::begin(canonical.digest), std::end(canonical.digest), bytes.begin());
        return toHex(bytes);
    }

private:
    XXH3_state_t* m_state;
};

// Reads through the project's readers; a million rows cost nothing but their place on the disk.
class StoredSampleSource final : public SampleSource {
public:
    StoredSampleSource(Database& database, std::int64_t versionId, Split split, std::size_t rows, std::string hash)
        : m_database(database), m_versionId(versionId), m_split(split), m_rows(rows), m_hash(std::move(hash)) {}

    std::size_t size() const override { return m_rows; }
    std::string hash() const override { return m_hash; }
    Result<Sample> at(std::size_t index) const override {
        return m_database.read([&](Connection& connection) -> Result<Sample> {
            static const std::string sql = std::string("SELECT ") + kSampleColumns +
                                           " FROM version_rows v JOIN samples s ON s.id=v.row_id JOIN contents c ON "
                                           "c.id=v.content_id WHERE v.version_id=? AND v.split=? AND v.position=?";
            Query query(connection, sql);
            if (!query.bind(m_versionId, static_cast<int>(m_split), static_cast<std::int64_t>(index)).step())
                return fail(ErrorCode::NotFound,
                            "Row " + std::to_string(index) + " is not in this version of the dataset",
                            "Freeze the dataset again.");
            ATTUNE_ASSIGN(StoredSample stored, readSample(query.statement()));
            stored.sample.split = m_split; // as frozen, whatever the row's split is today
            return std::move(stored.sample);
        });
    }

private:
    Database& m_database;
    std::int64_t m_versionId;
    Split m_split;
    std::size_t m_rows;
    std::string m_hash;
};

} // namespace

Result<DatasetVersion> DatasetStore::freeze(std::int64_t datasetId, const std::string& note) {
    std::int64_t id = 0;
    ATTUNE_CHECK(m_database.write([&](Connection& connection) -> Status {
        VersionHash hash;
        std::array<std::int64_t, 4> counts{};
        {
            Query rows(connection, "SELECT hash,split FROM samples WHERE dataset_id=? AND deleted=0 ORDER BY id");
            rows.bind(datasetId);
            while (rows.step()) {
                const auto split = static_cast<std::uint8_t>(rows.integer(1) & 3);
                hash.add(rows.hash(0), split);
                ++counts[split];
            }
        }
        if (counts[0] + counts[1] + counts[2] + counts[3] == 0)
            return fail(ErrorCode::InvalidData, "The dataset has no row to freeze",
                        "Import rows, or bring some back from the trash.");
        const std::string hex = hash.hex();
        std::int64_t number = 0;
        {
            Query newest(connection,
                         "SELECT id,number,hash FROM versions WHERE dataset_id=? ORDER BY number DESC LIMIT 1");
            if (newest.bind(datasetId).step()) {
                number = newest.integer(1);
                if (newest.text(2) == hex) {
                    id = newest.integer(0);
                    return {};
                }
            }
        }
        Query(
            connection,
            "INSERT INTO versions(dataset_id,number,hash,note,created,rows_none,rows_train,rows_validation,rows_test) "
            "VALUES(?,?,?,?,?,?,?,?,?)")
            .bind(datasetId, number + 1, hex, note, nowMilliseconds(), counts[0], counts[1], counts[2], counts[3])
            .exec();
        id = connection.lastId();
        Query(connection, "INSERT INTO version_rows(version_id,split,position,row_id,content_id) SELECT ?1,split,"
                          "row_number() OVER (PARTITION BY split ORDER BY id)-1,id,content_id FROM samples "
                          "WHERE dataset_id=?2 AND deleted=0 ORDER BY split,id")
            .bind(id, datasetId)
            .exec();
        return {};
    }));
    return version(id);
}

Result<std::vector<DatasetVersion>> DatasetStore::versions(std::int64_t datasetId) {
    return m_database.read([&](Connection& connection) -> Result<std::vector<DatasetVersion>> {
        std::vector<DatasetVersion> found;
        Query query(connection, std::string(kVersionColumns) + " WHERE dataset_id=? ORDER BY number DESC");
        query.bind(datasetId);
        while (query.step())
            found.push_back(readVersion(query));
        return found;
    });
}

Result<DatasetVersion> DatasetStore::version(std::int64_t versionId) {
    return m_database.read([&](Connection& connection) -> Result<DatasetVersion> {
        Query query(connection, std::string(kVersionColumns) + " WHERE id=?");
        if (!query.bind(versionId).step())
            return fail(ErrorCode::NotFound,
                        "There is no dataset version " + std::to_string(versionId) + " in this project",
                        "Freeze the dataset again, or choose another version.");
        return readVersion(query);
    });
}

Result<std::shared_ptr<const SampleSource>> DatasetStore::source(std::int64_t versionId, Split split) {
    ATTUNE_ASSIGN(const DatasetVersion found, version(versionId));
    const std::int64_t rows = found.bySplit[static_cast<std::size_t>(split)];
    if (rows == 0)
        return fail(ErrorCode::InvalidData,
                    "Version " + std::to_string(found.number) + " of the dataset has no row in the split \"" +
                        (split == Split::None ? "none" : splitId(split)) + "\"",
                    "Split the dataset and freeze it again.");
    return std::make_shared<StoredSampleSource>(m_database, versionId, split, static_cast<std::size_t>(rows),
                                                hashBytes(found.hash + ":" + splitId(split)));
}

} // namespace attune
