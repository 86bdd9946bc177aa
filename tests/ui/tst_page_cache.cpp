// The page cache of long tables, against what a reader of a table expects.
#include <QtTest>

#include "tests/support/test_main.h"
#include "ui/models/page_cache.h"

using namespace attune;

class PageCacheTest : public QObject {
    Q_OBJECT
private:
    static std::vector<int> page(std::size_t number, int count = 4) {
        std::vector<int> rows;
        for (int i = 0; i < count; ++i)
            rows.push_back(int(number) * 4 + i);
        return rows;
    }

private Q_SLOTS:
    void rowsComeFromTheirPage() {
        PageCache<int> cache(4, 3);
        QVERIFY(!cache.find(5));
        cache.store(1, page(1));
        QVERIFY(cache.find(5));
        QCOMPARE(*cache.find(5), 5);
        QVERIFY(!cache.find(3));
    }
    void aShortLastPageEnds() {
        PageCache<int> cache(4, 3);
        cache.store(2, page(2, 2));
        QCOMPARE(*cache.find(9), 9);
        QVERIFY(!cache.find(10));
    }
    void aPageIsAskedForOnce() {
        PageCache<int> cache(4, 3);
        QVERIFY(cache.request(0));
        QVERIFY(!cache.request(0));
        cache.abandon(0);
        QVERIFY(cache.request(0));
        cache.store(0, page(0));
        QVERIFY(!cache.request(0));
    }
    void theLeastRecentlyUsedPageLeaves() {
        PageCache<int> cache(4, 3);
        for (std::size_t number = 0; number < 3; ++number)
            cache.store(number, page(number));
        QVERIFY(cache.find(0)); // page 0 is used again, so page 1 is the oldest
        cache.store(3, page(3));
        QCOMPARE(cache.pages(), std::size_t(3));
        QVERIFY(cache.find(0));
        QVERIFY(!cache.find(4));
        QVERIFY(cache.find(8));
        QVERIFY(cache.request(1));
    }
    void memoryStaysBoundedOverAMillionRows() {
        PageCache<int> cache(64, 16);
        for (std::size_t row = 0; row < 1'000'000; row += 64) {
            const std::size_t number = cache.pageOf(row);
            QVERIFY(cache.request(number));
            cache.store(number, std::vector<int>(64, int(number)));
            QVERIFY(cache.pages() <= 16);
        }
        QCOMPARE(*cache.find(999'999), 15'624);
    }
    void stalePagesStayVisibleAndAreReadAgain() {
        PageCache<int> cache(4, 3);
        cache.store(0, page(0));
        cache.markStale();
        QVERIFY(cache.find(1));
        QVERIFY(cache.request(0));
        QVERIFY(!cache.request(0));
        cache.store(0, {40, 41, 42, 43});
        QCOMPARE(*cache.find(1), 41);
        QVERIFY(!cache.request(0));
    }
    void clearForgetsPagesAndRequests() {
        PageCache<int> cache(4, 3);
        cache.store(0, page(0));
        QVERIFY(cache.request(1));
        cache.clear();
        QVERIFY(!cache.find(0));
        QVERIFY(cache.request(1));
    }
};

ATTUNE_TEST(PageCacheTest)
#include "tst_page_cache.moc"
