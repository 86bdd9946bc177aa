// The project folder: owner, durability, migrations, damage, full disk.
#include <csignal>
#include <fstream>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include <QtTest>

#include "core/store/connection.h"
#include "core/store/dataset_appender.h"
#include "core/store/migrations.h"
#include "core/store/project.h"
#include "tests/support/test_main.h"

using namespace attune;

class ProjectTest : public QObject {
    Q_OBJECT

    std::unique_ptr<QTemporaryDir> m_temporary;
    fs::path folder() const { return fs::path(m_temporary->path().toStdString()) / "Law & order.attune"; }
    static std::string errorOf(const Result<std::unique_ptr<Project>>& result) {
        return result ? "" : result.error().message;
    }

private Q_SLOTS:
    void init() { m_temporary = std::make_unique<QTemporaryDir>(); }
    void aNewProjectHasItsFoldersAndName();
    void aSecondOwnerIsRefusedByName();
    void theLockEndsWithItsProcess();
    void settingsSurvive();
    void acknowledgedWritesSurviveKill();
    void halfImportsOfADeadProcessAreRemoved();
    void manyThreadsWriteAndRead();
    void aFailedJobUndoesOnlyItself();
    void fullDiskIsNamedAndLosesNothing();
    void olderProjectsAreBroughtUpToDate();
    void newerAndForeignAndDamagedAreRefused();
    void readersCannotWrite();
    void saveCopyOpensAsAProject();
};

void ProjectTest::aNewProjectHasItsFoldersAndName() {
    const auto project = Project::create(folder().parent_path() / "Law & order");
    QVERIFY2(project, errorOf(project).c_str());
    QCOMPARE((*project)->name(), std::string("Law & order"));
    QCOMPARE((*project)->folder(), folder());
    QVERIFY(fs::is_directory(folder() / "runs") && fs::is_directory(folder() / "exports"));
    QCOMPARE(fs::status(folder() / "project.sqlite").permissions(), fs::perms::owner_read | fs::perms::owner_write);
    const auto second = Project::create(folder());
    QVERIFY(!second && second.error().code == ErrorCode::InvalidArgument);
    const auto missing = Project::open(folder().parent_path() / "none.attune");
    QVERIFY(!missing && missing.error().code == ErrorCode::NotFound);
}

void ProjectTest::aSecondOwnerIsRefusedByName() {
    auto project = Project::create(folder());
    QVERIFY(project);
    const pid_t child = ::fork();
    if (child == 0) { // no Qt and no SQLite state of the parent is used here: the lock is asked first
        const auto second = Project::open(folder());
        const std::string expected =
            "The project Law & order is open in another window or command (process " + std::to_string(::getppid()) + ")";
        ::_exit(!second && second.error().code == ErrorCode::Busy && second.error().message == expected ? 0 : 1);
    }
    int status = -1;
    ::waitpid(child, &status, 0);
    QCOMPARE(status, 0);
    project->reset();
    QVERIFY(Project::open(folder()));
}

void ProjectTest::theLockEndsWithItsProcess() {
    QVERIFY(Project::create(folder()));
    int ready[2];
    QVERIFY(::pipe(ready) == 0);
    const pid_t child = ::fork();
    if (child == 0) {
        const auto project = Project::open(folder());
        const char answer = project ? 'y' : 'n';
        (void)!::write(ready[1], &answer, 1);
        ::pause();
        ::_exit(0);
    }
    char answer = 0;
    QVERIFY(::read(ready[0], &answer, 1) == 1);
    QCOMPARE(answer, 'y');
    const auto busy = Project::open(folder());
    QVERIFY(!busy && busy.error().code == ErrorCode::Busy);
    QVERIFY(busy.error().message.find(std::to_string(child)) != std::string::npos);
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    ::close(ready[0]), ::close(ready[1]);
    {
        const auto lock = ProjectLock::acquire(folder());
        QVERIFY(lock && lock->wasUnclean());
    }
    const auto lock = ProjectLock::acquire(folder());
    QVERIFY(lock && !lock->wasUnclean());
}

void ProjectTest::settingsSurvive() {
    {
        const auto project = Project::create(folder());
        QVERIFY((*project)->setSetting("advisor.answers", "{\"a\":1}"));
        QVERIFY((*project)->setSetting("advisor.answers", "{\"a\":2}"));
        QVERIFY((*project)->setSetting("window", "x"));
        QVERIFY((*project)->removeSetting("window"));
    }
    const auto project = Project::openOrCreate(folder());
    QCOMPARE((*project)->setting("advisor.answers")->value(), std::string("{\"a\":2}"));
    QVERIFY(!(*project)->setting("window")->has_value());
    QCOMPARE((*project)->settings("advisor.")->size(), std::size_t{1});
}

void ProjectTest::acknowledgedWritesSurviveKill() {
    QVERIFY(Project::create(folder()));
    std::int64_t acknowledged = 0;
    for (int round = 0; round < 8; ++round) {
        int acks[2];
        QVERIFY(::pipe(acks) == 0);
        const pid_t child = ::fork();
        if (child == 0) {
            const auto project = Project::open(folder());
            if (!project)
                ::_exit(1);
            for (std::int64_t i = acknowledged;; ++i) {
                if (!(*project)->setSetting("key " + std::to_string(i),
                                            std::string(static_cast<std::size_t>(i % 3000), 'x')))
                    ::_exit(2);
                (void)!::write(acks[1], &i, sizeof i);
            }
        }
        ::close(acks[1]);
        std::int64_t last = acknowledged - 1, value = 0;
        while (last < acknowledged + 20 + 7 * round && ::read(acks[0], &value, sizeof value) == sizeof value)
            last = value;
        ::kill(child, SIGKILL);
        int status = 0;
        ::waitpid(child, &status, 0);
        QVERIFY(WIFSIGNALED(status));
        while (::read(acks[0], &value, sizeof value) == sizeof value)
            last = value;
        ::close(acks[0]);
        acknowledged = last + 1;
        const auto project = Project::open(folder());
        QVERIFY2(project, errorOf(project).c_str());
        const auto settings = (*project)->settings("key ");
        QVERIFY(settings);
        for (std::int64_t i = 0; i < acknowledged; ++i)
            QCOMPARE(settings->at("key " + std::to_string(i)).size(), static_cast<std::size_t>(i % 3000));
    }
    QVERIFY(acknowledged > 160);
}

void ProjectTest::halfImportsOfADeadProcessAreRemoved() {
    QVERIFY(Project::create(folder()));
    int ready[2];
    QVERIFY(::pipe(ready) == 0);
    const pid_t child = ::fork();
    if (child == 0) {
        const auto project = Project::open(folder());
        const auto appender = (*project)->datasets().beginImport("half", "f", "{}");
        Sample sample;
        sample.kind = SampleKind::Text;
        for (int i = 0; i < 30'000; ++i) {
            sample.text = "row " + std::to_string(i);
            (void)(*appender)->add(sample);
        }
        (*project)->database().flush();
        (void)!::write(ready[1], "y", 1);
        ::pause();
    }
    char answer = 0;
    QVERIFY(::read(ready[0], &answer, 1) == 1);
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    ::close(ready[0]), ::close(ready[1]);
    const auto project = Project::open(folder());
    QVERIFY(project);
    QCOMPARE((*project)->datasets().list()->size(), std::size_t{0});
    for (int i = 0; i < 10; ++i) // each removed slice queues the next
        (*project)->database().flush();
    const auto left = (*project)->database().read([](Connection& connection) -> Result<std::int64_t> {
        return connection.database()
            .execAndGet("SELECT (SELECT count(*) FROM samples)+(SELECT count(*) FROM contents)+"
                        "(SELECT count(*) FROM datasets)")
            .getInt64();
    });
    QCOMPARE(*left, std::int64_t{0});
}

void ProjectTest::manyThreadsWriteAndRead() {
    const auto project = Project::create(folder());
    std::vector<std::thread> threads;
    std::atomic<int> failures{0};
    for (int thread = 0; thread < 6; ++thread)
        threads.emplace_back([&, thread] {
            for (int i = 0; i < 60; ++i) {
                const std::string key = std::to_string(thread) + "." + std::to_string(i);
                if (!(*project)->setSetting(key, key))
                    ++failures;
                const auto back = (*project)->setting(key);
                if (!back || back->value_or("") != key)
                    ++failures;
            }
        });
    for (std::thread& thread : threads)
        thread.join();
    QCOMPARE(failures.load(), 0);
    QCOMPARE((*project)->settings()->size(), std::size_t{360});
}

void ProjectTest::aFailedJobUndoesOnlyItself() {
    const auto project = Project::create(folder());
    Database& database = (*project)->database();
    // The first job keeps the writer busy until the three behind it wait together.
    std::promise<void> go;
    auto gate = go.get_future().share();
    auto first = database.post([gate](Connection&) -> Status {
        gate.wait();
        return {};
    });
    const auto insert = [&](const std::string& key, bool thenFail) {
        return database.post([key, thenFail](Connection& connection) -> Status {
            Query(connection, "INSERT INTO settings(key,value) VALUES(?,'x')").bind(key).exec();
            if (thenFail)
                return fail(ErrorCode::InvalidArgument, "no", "never mind");
            return {};
        });
    };
    auto a = insert("a", false), b = insert("b", true), c = insert("c", false), d = insert("a", false);
    go.set_value();
    QVERIFY(first.get() && a.get());
    QCOMPARE(b.get().error().message, std::string("no"));
    QVERIFY(c.get());
    QVERIFY(!d.get());
    const auto settings = (*project)->settings();
    QCOMPARE(settings->size(), std::size_t{2});
    QVERIFY(settings->contains("a") && settings->contains("c"));
}

void ProjectTest::fullDiskIsNamedAndLosesNothing() {
    auto project = Project::create(folder());
    QVERIFY((*project)->setSetting("kept", "value"));
    // SQLite's own limit of pages gives the error of a full disk at exactly the same places.
    QVERIFY((*project)->database().write([](Connection& connection) -> Status {
        const int pages = connection.database().execAndGet("PRAGMA page_count").getInt();
        connection.database().execAndGet("PRAGMA max_page_count=" + std::to_string(pages + 40));
        return {};
    }));
    {
        const auto appender = (*project)->datasets().beginImport("big", "f", "{}");
        QVERIFY(appender);
        Sample sample;
        sample.kind = SampleKind::Text;
        Status status;
        for (int i = 0; i < 20'000 && status; ++i) {
            sample.text = std::to_string(i) + std::string(200, 'x');
            status = (*appender)->add(sample);
        }
        QVERIFY(!status);
        QCOMPARE(status.error().code, ErrorCode::OutOfSpace);
        QVERIFY(status.error().message.find("disk is full") != std::string::npos);
        QVERIFY(!status.error().hint.empty());
    }
    QVERIFY((*project)->setSetting("after", "still works"));
    QVERIFY((*project)->database().write([](Connection& connection) -> Status {
        connection.database().execAndGet("PRAGMA max_page_count=1000000");
        return {};
    }));
    QVERIFY((*project)->setSetting("large", std::string(500'000, 'y')));
    project->reset();
    project = Project::open(folder());
    QCOMPARE((*project)->setting("kept")->value(), std::string("value"));
    QCOMPARE((*project)->setting("after")->value(), std::string("still works"));
    QCOMPARE((*project)->datasets().list()->size(), std::size_t{0});
}

void ProjectTest::olderProjectsAreBroughtUpToDate() {
    for (std::size_t step = 1; step < projectMigrations().size(); ++step) {
        QTemporaryDir temporary;
        const fs::path old = fs::path(temporary.path().toStdString()) / "old.attune";
        fs::create_directory(old);
        {
            Connection connection(old / "project.sqlite", Connection::Mode::Writer);
            QVERIFY(migrate(connection, projectMigrations().first(step)));
            connection.exec("INSERT INTO settings(key,value) VALUES('from','step')");
            QCOMPARE(connection.database().execAndGet("PRAGMA user_version").getInt(), static_cast<int>(step));
        }
        const auto project = Project::open(old);
        QVERIFY2(project, errorOf(project).c_str());
        QCOMPARE((*project)->setting("from")->value(), std::string("step"));
        QVERIFY((*project)->runs().add({}));
        QVERIFY((*project)->reviews().create(0, "r", 1, {ReviewItem{}}));
    }
    // A step that fails leaves the file as it was.
    Connection connection(folder().parent_path() / "x.sqlite", Connection::Mode::Writer);
    constexpr Migration broken[] = {{1, "CREATE TABLE a(x)"}, {2, "CREATE TABLE b(x); CREATE TABLE a(x)"}};
    QVERIFY_EXCEPTION_THROWN((void)migrate(connection, broken), SQLite::Exception);
    QCOMPARE(connection.database().execAndGet("SELECT count(*) FROM sqlite_schema").getInt(), 0);
    QCOMPARE(connection.database().execAndGet("PRAGMA user_version").getInt(), 0);
}

void ProjectTest::newerAndForeignAndDamagedAreRefused() {
    const fs::path file = folder() / "project.sqlite";
    QVERIFY(Project::create(folder()));
    { Connection(file, Connection::Mode::Writer).exec("PRAGMA user_version=99"); }
    auto refused = Project::open(folder());
    QVERIFY(!refused && refused.error().code == ErrorCode::Unsupported);
    { Connection(file, Connection::Mode::Writer).exec("PRAGMA user_version=3; PRAGMA application_id=7"); }
    refused = Project::open(folder());
    QVERIFY(!refused && refused.error().code == ErrorCode::InvalidData);
    std::ofstream(file, std::ios::binary) << std::string(20'000, 'z');
    refused = Project::open(folder());
    QVERIFY(!refused && refused.error().code == ErrorCode::InvalidData);

    // Damage in the middle, found by the check that an unclean end asks for.
    const fs::path damaged = folder().parent_path() / "damaged.attune";
    {
        const auto project = Project::create(damaged);
        QVERIFY((*project)->setSetting("big", std::string(200'000, 'x')));
        for (int i = 0; i < 2000; ++i)
            QVERIFY(i > 50 || (*project)->setSetting("k" + std::to_string(i), std::string(500, 'k')));
    }
    std::fstream bytes(damaged / "project.sqlite", std::ios::in | std::ios::out | std::ios::binary);
    const auto size = static_cast<std::int64_t>(fs::file_size(damaged / "project.sqlite"));
    for (std::int64_t page = size / 4096 / 2; page < size / 4096; ++page) {
        bytes.seekp(page * 4096);
        bytes << std::string(64, '\xFF');
    }
    bytes.close();
    std::ofstream(damaged / "project.lock") << "12345\n";
    refused = Project::open(damaged);
    QVERIFY(!refused);
    QCOMPARE(refused.error().code, ErrorCode::InvalidData);
    QVERIFY2(refused.error().message.find("damaged") != std::string::npos, refused.error().message.c_str());
}

void ProjectTest::readersCannotWrite() {
    const auto project = Project::create(folder());
    const auto status = (*project)->database().read([](Connection& connection) -> Status {
        connection.exec("INSERT INTO settings(key,value) VALUES('a','b')");
        return {};
    });
    QVERIFY(!status);
    QVERIFY((*project)->settings()->empty());
}

void ProjectTest::saveCopyOpensAsAProject() {
    const fs::path copy = folder().parent_path() / "copy.attune";
    {
        const auto project = Project::create(folder());
        QVERIFY((*project)->setSetting("a", "b"));
        fs::create_directory(copy);
        QVERIFY((*project)->saveCopy(copy / "project.sqlite"));
        QVERIFY(!(*project)->saveCopy(copy / "project.sqlite"));
    }
    const auto project = Project::open(copy);
    QVERIFY2(project, errorOf(project).c_str());
    QCOMPARE((*project)->setting("a")->value(), std::string("b"));
}

ATTUNE_TEST(ProjectTest)
#include "tst_project.moc"
