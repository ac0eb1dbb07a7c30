/// The number of leading indices below `count` for which `holds`; it must hold for a prefix. O(log n).
@inlinable
package func partitionPoint<Failure>(
    count: Int, where holds: (Int) throws(Failure) -> Bool
) throws(Failure) -> Int {
    var low = 0
    var high = count
    while low < high {
        let middle = low + (high - low) / 2
        if try holds(middle) { low = middle + 1 } else { high = middle }
    }
    return low
}
