/// What a misspelt word was perhaps meant to be.
package enum Suggestion {
    /// The word that is nearest to `word`, upper and lower case alike; nil where none is near: by default at most 2 letters
    /// away, or a third of them. Of equally near ones the first. O(letters² · words)
    package static func nearest(
        to word: String, among words: some Sequence<String>, distanceMax: Int? = nil
    ) -> String? {
        let distanceMax = distanceMax ?? max(2, word.count / 3)
        let lowercase = word.lowercased()
        let nearest = words.lazy.map { ($0, distance(lowercase, $0.lowercased())) }
            .min { $0.1 < $1.1 }
        guard let nearest, nearest.1 <= distanceMax else { return nil }
        return nearest.0
    }

    /// The end of a message that lists `words`: `, perhaps “x”`, or nothing where none is near.
    package static func ending(for word: String, among words: some Sequence<String>) -> String {
        nearest(to: word, among: words).map { ", perhaps “\($0)”" } ?? ""
    }

    /// Levenshtein's distance.
    private static func distance(_ a: String, _ b: String) -> Int {
        let b = Array(b)
        var row = Array(0...b.count)
        for (i, x) in a.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, y) in b.enumerated() {
                let cost = x == y ? diagonal : min(diagonal, row[j], row[j + 1]) + 1
                diagonal = row[j + 1]
                row[j + 1] = cost
            }
        }
        return row[b.count]
    }
}
