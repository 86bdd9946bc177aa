#include "core/plan/recipe_yaml.h"

#include <exception>
#include <sstream>

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include "core/base/file_kind.h"

namespace attune {

namespace {

struct Refused : std::exception { // leaves the parser from inside a callback; never crosses parseRecipeTree
    Refused(int atLine, std::string why) : line(atLine), reason(std::move(why)) {}
    const char* what() const noexcept override { return reason.c_str(); }
    int line;
    std::string reason;
};

class TreeBuilder final : public YAML::EventHandler {
public:
    RecipeNode root;
    bool any = false;

    void OnDocumentStart(const YAML::Mark&) override {}
    void OnDocumentEnd() override {}
    void OnAnchor(const YAML::Mark& mark, const std::string&) override { refuseAnchors(mark); }
    void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override { refuseAnchors(mark); }
    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { add(mark, anchor, RecipeNode::Kind::Null); }
    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  const std::string& value) override {
        if (expectsKey()) {
            checkTag(mark, tag);
            for (const auto& [key, unused] : m_stack.back()->entries)
                if (key == value)
                    throw Refused(mark.line + 1, "the key \"" + value.substr(0, 80) + "\" appears twice");
            countValue(mark);
            m_key = value, m_haveKey = true;
            return;
        }
        checkTag(mark, tag);
        const bool plainNull = tag == "?" && (value == "~" || value == "null" || value == "Null" || value == "NULL");
        add(mark, anchor, plainNull ? RecipeNode::Kind::Null : RecipeNode::Kind::Scalar)->text = plainNull ? "" : value;
    }
    void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value) override {
        open(mark, tag, anchor, RecipeNode::Kind::List);
    }
    void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                    YAML::EmitterStyle::value) override {
        open(mark, tag, anchor, RecipeNode::Kind::Map);
    }
    void OnSequenceEnd() override { m_stack.pop_back(); }
    void OnMapEnd() override { m_stack.pop_back(); }

private:
    [[noreturn]] static void refuseAnchors(const YAML::Mark& mark) {
        throw Refused(mark.line + 1, "anchors and aliases (& and *) are not allowed in a recipe");
    }
    static void checkTag(const YAML::Mark& mark, const std::string& tag) {
        if (!tag.empty() && tag != "?" && tag != "!")
            throw Refused(mark.line + 1, "type tags (!) are not allowed in a recipe");
    }
    bool expectsKey() const { return !m_stack.empty() && m_stack.back()->kind == RecipeNode::Kind::Map && !m_haveKey; }
    void countValue(const YAML::Mark& mark) {
        if (++m_values > kMaxRecipeValues)
            throw Refused(mark.line + 1, "it holds more than " + std::to_string(kMaxRecipeValues) + " values");
    }
    RecipeNode* add(const YAML::Mark& mark, YAML::anchor_t anchor, RecipeNode::Kind kind) {
        if (anchor != YAML::NullAnchor)
            refuseAnchors(mark);
        if (expectsKey())
            throw Refused(mark.line + 1, "a key must be a word");
        countValue(mark);
        RecipeNode node;
        node.kind = kind, node.line = mark.line + 1;
        any = true;
        if (m_stack.empty()) {
            root = std::move(node);
            return &root;
        }
        RecipeNode& parent = *m_stack.back();
        if (parent.kind == RecipeNode::Kind::List) {
            parent.list.push_back(std::move(node));
            return &parent.list.back();
        }
        m_haveKey = false;
        parent.entries.emplace_back(std::move(m_key), std::move(node));
        return &parent.entries.back().second;
    }
    void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, RecipeNode::Kind kind) {
        checkTag(mark, tag);
        if (m_stack.size() >= kMaxRecipeDepth)
            throw Refused(mark.line + 1, "it is nested deeper than " + std::to_string(kMaxRecipeDepth) + " levels");
        m_stack.push_back(add(mark, anchor, kind));
    }

    std::vector<RecipeNode*> m_stack; // pointers stay valid: only the innermost container grows
    std::string m_key;
    bool m_haveKey = false;
    std::size_t m_values = 0;
};

tl::unexpected<Error> refused(std::string_view what, int line, const std::string& reason) {
    return fail(ErrorCode::InvalidData, std::string(what) + ", line " + std::to_string(line) + ": " + reason,
                "Correct that line; a recipe has the form \"section:\" and below it indented \"key: value\" lines.");
}

} // namespace

Result<RecipeNode> parseRecipeTree(std::string_view yaml, std::string_view what) {
    if (yaml.size() > kMaxRecipeBytes)
        return fail(ErrorCode::InvalidData,
                    std::string(what) + " is too large for a recipe (" + std::to_string(yaml.size()) + " bytes)",
                    "Check that this is the right file.");
    if (const auto kind = foreignKind(yaml))
        return fail(ErrorCode::InvalidData, std::string(what) + " is no recipe: it is " + kind->what,
                    "Choose a recipe, a text file such as recipe.yaml.");
    try {
        std::istringstream stream{std::string(yaml)};
        YAML::Parser parser(stream);
        TreeBuilder builder;
        parser.HandleNextDocument(builder);
        TreeBuilder second;
        if (parser.HandleNextDocument(second))
            return refused(what, second.root.line, "a recipe is one document, but a second one begins here");
        return std::move(builder.root);
    } catch (const Refused& error) {
        return refused(what, error.line, error.reason);
    } catch (const YAML::Exception& error) {
        return refused(what, error.mark.line + 1, error.msg);
    } catch (const std::exception& error) {
        return refused(what, 1, error.what());
    }
}

} // namespace attune
