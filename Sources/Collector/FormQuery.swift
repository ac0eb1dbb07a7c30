import Causality
import Querying

/// A query string as browsers and `curl --data-urlencode` write it: pairs of name and value, `+` for a space.
package enum FormQuery {
    package static func parameters(_ query: String) -> QuestionParameters {
        var parameters = QuestionParameters()
        for pair in query.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            parameters[text(parts[0])].append(parts.count == 2 ? text(parts[1]) : "")
        }
        return parameters
    }

    private static func text(_ part: Substring) -> String {
        PercentEscaping.unescape(part.replacing("+", with: " ")[...])
    }
}
